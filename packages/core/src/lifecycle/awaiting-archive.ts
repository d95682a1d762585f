import { TenancyError } from '../errors/errors.ts';
import type { Placement, Tenant, TenantChange } from '../models/tenant.ts';
import type { TenantRecords } from './records.ts';
import { transitions } from './transitions.ts';

/** Stands in the placement of a tenant while it is filled from an archive, as by an import, a clone or a restoration. */
const mark = 'awaits';

/** The placement of a tenant whose data is yet to come from an archive. */
export function awaitingArchive(placement: Placement): Placement {
  return { ...placement, [mark]: 'archive' };
}

/** Says that a tenant's data is there. The placement is as it is by now: credentials may have been rotated while the tenant was filled. */
export async function asFilled<T extends Tenant>(records: TenantRecords<T>, id: string): Promise<TenantChange<T>> {
  const { [mark]: _, ...placement } = (await records.read(id)).placement;
  return { placement } as TenantChange<T>;
}

/** Whether a tenant was to be filled from an archive, and is not. */
export function isUnfilled({ placement }: Pick<Tenant, 'placement'>): boolean {
  return mark in placement;
}

/**
 * Refuses a tenant that is to be filled from an archive, and is not: it would be opened, or handed over, without its data.
 *
 * @throws TRANSITION_REFUSED
 */
export function refuseUnfilled(tenant: Pick<Tenant, 'id' | 'status' | 'placement'>): void {
  if (!isUnfilled(tenant)) return;
  const { id } = tenant;
  const message = transitions.reclaim.from.includes(tenant.status)
    ? `The import or clone that makes tenant "${id}" did not end, so its data is not there. Remove what there is with repair("${id}", { clear: true }), and begin it again.`
    : `Tenant "${id}" was to be restored from an archive, and that did not end, so its data is not there. Restore it again, or reset("${id}") makes it empty.`;
  throw new TenancyError('TRANSITION_REFUSED', message, { tenant: id });
}
