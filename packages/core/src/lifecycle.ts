import { TenancyError, type TenancyErrorCode, transitionRefused, unknownTenant } from './errors.ts';
import type { Tenant, TenantStatus } from './models/tenant.ts';

/** A step of a tenant's life: the statuses that it leads from, and the one that it leads to. */
export interface Transition {
  readonly from: readonly TenantStatus[];
  readonly to: TenantStatus;
}

type Verb =
  | 'activate'
  | 'fail'
  | 'reclaim'
  | 'finish'
  | 'suspend'
  | 'startMaintenance'
  | 'archive'
  | 'resume'
  | 'remove';

/** Every change of status that there is. */
export const transitions: Readonly<Record<Verb, Transition>> = {
  activate: { from: ['provisioning'], to: 'active' },
  fail: { from: ['provisioning'], to: 'failed' },
  // Whoever was still making it finds that it may not be activated any more.
  reclaim: { from: ['provisioning', 'failed'], to: 'failed' },
  finish: { from: ['failed'], to: 'active' },
  suspend: { from: ['active'], to: 'suspended' },
  startMaintenance: { from: ['active'], to: 'maintenance' },
  archive: { from: ['active', 'suspended', 'maintenance'], to: 'archived' },
  resume: { from: ['suspended', 'maintenance', 'archived'], to: 'active' },
  remove: { from: ['active', 'suspended', 'maintenance', 'archived', 'failed', 'removing'], to: 'removing' },
};

/** The statuses in which a tenant's storage is whole, so that it can be migrated. */
export const migratable: readonly TenantStatus[] = ['active', 'suspended', 'maintenance', 'archived'];

/**
 * The tenant, where it may be entered: the check at every door.
 * @throws TENANT_UNKNOWN, TENANT_SUSPENDED, TENANT_MAINTENANCE or TENANT_ARCHIVED.
 */
export function admit<T extends Tenant>(tenant: T | undefined, named: string): T {
  if (tenant?.status === 'active') return tenant;
  if (tenant === undefined) throw unknownTenant(named);
  const { id, status } = tenant;
  const refusal = refusals[status];
  if (refusal === undefined) {
    throw new TenancyError('TENANT_UNKNOWN', `Tenant "${id}" is in status "${status}" and cannot be entered.`, {
      tenant: id,
    });
  }
  const headers = status === 'maintenance' ? { headers: { 'Retry-After': '60' } } : {};
  throw new TenancyError(refusal.code, refusal.message, { tenant: id, ...headers });
}

/** @throws TRANSITION_REFUSED where the tenant is in none of the statuses. */
export function requireStatus(tenant: Tenant, statuses: readonly TenantStatus[]): void {
  if (!statuses.includes(tenant.status)) throw transitionRefused(tenant, statuses);
}

const refusals: Partial<Record<TenantStatus, { code: TenancyErrorCode; message: string }>> = {
  suspended: { code: 'TENANT_SUSPENDED', message: 'This tenant is suspended.' },
  maintenance: { code: 'TENANT_MAINTENANCE', message: 'This tenant is under maintenance; try again later.' },
  archived: { code: 'TENANT_ARCHIVED', message: 'This tenant is archived.' },
};
