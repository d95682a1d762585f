import { TenancyError } from '../errors/errors.ts';
import type { Placement, Tenant } from '../models/tenant.ts';

/** Stands in the placement of a tenant while it is filled from an archive, as by an import or a clone. */
const mark = 'awaits';

/** The placement of a tenant whose data is yet to come from an archive. */
export function awaitingArchive(placement: Placement): Placement {
  return { ...placement, [mark]: 'archive' };
}

/** The placement of a tenant whose data is there. */
export function filled({ [mark]: _, ...placement }: Placement): Placement {
  return placement;
}

/** Whether a tenant was to be filled from an archive, and is not. */
export function isUnfilled({ placement }: Pick<Tenant, 'placement'>): boolean {
  return mark in placement;
}

/**
 * Refuses a tenant whose import has not ended: to make its storage anew would open it without its data.
 *
 * @throws TRANSITION_REFUSED
 */
export function refuseUnfilled(tenant: Pick<Tenant, 'id' | 'placement'>): void {
  if (!isUnfilled(tenant)) return;
  const { id } = tenant;
  const message = `The import or clone that makes tenant "${id}" did not end, so its data is not there. Remove what there is with repair("${id}", { clear: true }), and begin it again.`;
  throw new TenancyError('TRANSITION_REFUSED', message, { tenant: id });
}
