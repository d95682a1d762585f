import { setTimeout as pause } from 'node:timers/promises';
import { seenWithinMs } from '../lookup/change-feed.ts';
import type { Tenant } from '../models/tenant.ts';
import { changeStatus } from './change-record.ts';
import type { Lifecycle } from './lifecycle.ts';

/**
 * Closes a tenant that is active, and resolves once every process that can read the changes refuses it: an archive that is begun then has all that
 * they wrote. A process that cannot read them trusts what it remembers for `trustMs`. Where the store tells of no changes, nobody knows how long
 * to wait, so this does not.
 */
export async function closeTenant<T extends Tenant>(
  lifecycle: Lifecycle<T>,
  stored: T,
  verb: 'suspend' | 'startMaintenance',
): Promise<T> {
  const isOpen = stored.status === 'active';
  const closed = isOpen ? await changeStatus(lifecycle, stored.id, verb) : stored;
  if (lifecycle.store.changes === undefined) return closed;
  // Somebody may have closed it just now.
  const passedMs = isOpen ? 0 : Math.max(0, Date.now() - closed.updatedAt.getTime());
  if (passedMs < seenWithinMs) await pause(seenWithinMs - passedMs);
  return closed;
}
