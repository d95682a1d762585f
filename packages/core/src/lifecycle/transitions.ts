import { transitionRefused } from '../errors/errors.ts';
import type { Tenant, TenantStatus } from '../models/tenant.ts';

/** A change of status: the statuses that it starts from, and the one that it leads to. */
export interface Transition {
  readonly from: readonly TenantStatus[];
  readonly to: TenantStatus;
}

type Verb =
  | 'activate'
  | 'hold'
  | 'fail'
  | 'reclaim'
  | 'finish'
  | 'suspend'
  | 'startMaintenance'
  | 'archive'
  | 'clear'
  | 'resume'
  | 'reset'
  | 'restore'
  | 'remove'
  | 'erase'
  | 'purge'
  | 'keep';

/** Every change of status. */
export const transitions: Readonly<Record<Verb, Transition>> = {
  activate: { from: ['provisioning'], to: 'active' },
  // Complete but for its migrations.
  hold: { from: ['provisioning'], to: 'maintenance' },
  fail: { from: ['provisioning'], to: 'failed' },
  // A process that is still creating the tenant can no longer activate it.
  reclaim: { from: ['provisioning', 'failed'], to: 'failed' },
  finish: { from: ['failed'], to: 'active' },
  suspend: { from: ['active'], to: 'suspended' },
  startMaintenance: { from: ['active', 'suspended'], to: 'maintenance' },
  // Once more, to change how long it is kept.
  archive: { from: ['active', 'suspended', 'maintenance', 'archived'], to: 'archived' },
  resume: { from: ['suspended', 'maintenance', 'archived'], to: 'active' },
  reset: { from: ['active', 'suspended', 'maintenance'], to: 'maintenance' },
  // Of an active one, which is under maintenance by then.
  restore: { from: ['suspended', 'maintenance'], to: 'maintenance' },
  clear: { from: ['failed'], to: 'removing' },
  // Not of one that was resumed since its archive was written.
  erase: { from: ['suspended', 'maintenance', 'archived', 'removing'], to: 'removing' },
  purge: { from: ['archived', 'removing'], to: 'removing' },
  keep: { from: ['removing'], to: 'archived' },
  remove: { from: ['active', 'suspended', 'maintenance', 'archived', 'failed', 'removing'], to: 'removing' },
};

/** The statuses in which a tenant's storage is complete, so that it can be migrated. */
export const migratable: readonly TenantStatus[] = ['active', 'suspended', 'maintenance', 'archived'];

/** @throws TRANSITION_REFUSED if the tenant has none of the statuses. */
export function requireStatus(tenant: Tenant, statuses: readonly TenantStatus[]): void {
  if (!statuses.includes(tenant.status)) throw transitionRefused(tenant, statuses);
}
