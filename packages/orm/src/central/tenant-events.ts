import type { TenantStatus } from '@omnitenant/core';
import type { TenantEvent } from '@omnitenant/core/extend';
import type { TenantEntity } from './tenant-entity.ts';

/** What has happened to a tenant, before it is recorded. */
export type EventDraft = Pick<TenantEvent, 'type' | 'tenant' | 'createdAt' | 'host'>;

/** Statuses in which nobody has been told that the tenant is there, or in which it is about to go. */
const untold: readonly TenantStatus[] = ['provisioning', 'failed', 'removing'];

/** What a change of a tenant's record means, by its status before and since. Nobody is told of one that is not there yet, or is going. */
export function eventOfStatus(tenant: TenantEntity, before: TenantStatus = 'provisioning'): EventDraft | undefined {
  if (untold.includes(tenant.status)) return undefined;
  return { ...subject(tenant), type: typeOf(tenant.status as Told, before) };
}

/** The end of a tenant. One whose creation was undone was there for nobody. */
export function eventOfEnd(tenant: TenantEntity): EventDraft | undefined {
  return tenant.status === 'removing' ? { ...subject(tenant), type: 'tenant.removed' } : undefined;
}

export function eventOfDomain(
  tenant: TenantEntity,
  type: 'domain.added' | 'domain.removed',
  host: string,
): EventDraft | undefined {
  return untold.includes(tenant.status) ? undefined : { ...subject(tenant), type, host };
}

type Told = Exclude<TenantStatus, 'provisioning' | 'failed' | 'removing'>;

const reached = {
  active: 'tenant.resumed',
  suspended: 'tenant.suspended',
  maintenance: 'tenant.maintained',
  archived: 'tenant.archived',
} as const satisfies Record<Told, EventDraft['type']>;

function typeOf(status: Told, before: TenantStatus): EventDraft['type'] {
  if (status === before) return 'tenant.updated';
  return before === 'provisioning' || before === 'failed' ? 'tenant.created' : reached[status];
}

function subject({ id, createdAt }: TenantEntity): Pick<EventDraft, 'tenant' | 'createdAt'> {
  return { tenant: id, createdAt };
}
