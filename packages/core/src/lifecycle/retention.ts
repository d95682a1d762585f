import { TenancyError } from '../errors/errors.ts';
import type { Tenant, TenantChange } from '../models/tenant.ts';

/** The change that makes a tenant one that is kept until then. */
export function retention<T extends Tenant>(id: string, retainUntil: Date | null): TenantChange<T> {
  if (retainUntil !== null && !(retainUntil instanceof Date && Number.isFinite(retainUntil.getTime()))) {
    throw new TenancyError('TENANT_INVALID', `Tenant "${id}" can only be retained until a valid date.`, { tenant: id });
  }
  return { retainUntil } as TenantChange<T>;
}
