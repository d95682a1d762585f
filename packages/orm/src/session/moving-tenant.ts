import { TenancyError, type Tenant } from '@omnitenant/core';
import { codeOf, sqlState } from '../sql/error-codes.ts';

/** TENANT_MOVING for an error with which a tenant's old place refuses writes; `undefined` for any other. */
export function movingTenant(error: unknown, { id }: Tenant): TenancyError | undefined {
  if (codeOf(error) !== sqlState.tenantMoving) return undefined;
  const message = `Tenant "${id}" is being moved, and can only be read meanwhile. Enter it again a little later.`;
  return new TenancyError('TENANT_MOVING', message, { tenant: id, cause: error });
}
