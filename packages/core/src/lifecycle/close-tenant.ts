import { setTimeout as pause } from 'node:timers/promises';
import type { Tenant } from '../models/tenant.ts';
import { changeStatus } from './change-record.ts';
import type { Lifecycle } from './lifecycle.ts';

/** For so long, processes that can read the changes may still admit a tenant that they remember as active, in milliseconds. */
const settleMs = 2_000;

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
  if (passedMs < settleMs) await pause(settleMs - passedMs);
  return closed;
}
