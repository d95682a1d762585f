import { setTimeout as pause } from 'node:timers/promises';
import type { Tenant } from '../models/tenant.ts';
import { changeStatus } from './change-record.ts';
import type { Lifecycle } from './lifecycle.ts';

/** For so long, other processes may still admit a tenant that they remember as active, in milliseconds. All that serve requests know by then. */
const settleMs = 2_000;

/**
 * Closes a tenant that is active, and resolves once every process that serves requests refuses it: an archive that is begun then has all that
 * they wrote. A process whose store tells of no changes need not wait, because it would not know for how long.
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
