import { TenancyError, type TenancyErrorCode, unknownTenant } from '../errors/errors.ts';
import type { Tenant, TenantStatus } from '../models/tenant.ts';
import { isUnfilled } from './awaiting-archive.ts';
import { migratable } from './transitions.ts';

/**
 * The tenant, if its scope may be entered. Every way into a scope calls this.
 * @throws TENANT_UNKNOWN, TENANT_SUSPENDED, TENANT_MAINTENANCE or TENANT_ARCHIVED.
 */
export function admit<T extends Tenant>(tenant: T | undefined, named: string): T {
  if (tenant?.status === 'active') return tenant;
  if (tenant === undefined) throw unknownTenant(named);
  const { id, status } = tenant;
  const { code, message } = refusals[status] ?? {
    code: 'TENANT_UNKNOWN',
    message: `Tenant "${id}" is in status "${status}" and cannot be entered.`,
  };
  throw new TenancyError(code, message, { tenant: id });
}

/** Whether a tenant is whole and was closed on purpose, so that an operator may enter it. */
export function isClosed(tenant: Tenant): boolean {
  return tenant.status !== 'active' && migratable.includes(tenant.status) && !isUnfilled(tenant);
}

const refusals: Partial<Record<TenantStatus, { readonly code: TenancyErrorCode; readonly message: string }>> = {
  suspended: { code: 'TENANT_SUSPENDED', message: 'This tenant is suspended.' },
  maintenance: { code: 'TENANT_MAINTENANCE', message: 'This tenant is under maintenance; try again later.' },
  archived: { code: 'TENANT_ARCHIVED', message: 'This tenant is archived.' },
};
