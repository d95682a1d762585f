import type { Erasure } from '../archive/archive-part.ts';
import { isTenancyError, TenancyError, tenantOutdated } from '../errors/errors.ts';
import { isSameIncarnation } from '../models/incarnation.ts';
import type { Tenant } from '../models/tenant.ts';
import { closeTenant } from './close-tenant.ts';
import { handOver, type KeepArchive } from './hand-over.ts';
import type { Lifecycle } from './lifecycle.ts';
import { removeWhen } from './remove.ts';
import { transitions } from './transitions.ts';

/** Closes a tenant, hands over its archive and removes it. Where handing over fails, the tenant stays closed. */
export async function eraseTenant<T extends Tenant>(
  lifecycle: Lifecycle<T>,
  id: string,
  keep: KeepArchive,
): Promise<Erasure> {
  const stored = await lifecycle.records.read(id);
  const closed = await closeTenant(lifecycle, stored, 'suspend');
  const archive = await handOver(lifecycle, id, keep);
  const now = await lifecycle.records.read(id);
  if (!isSameIncarnation(now, stored)) throw tenantOutdated(id);
  if (now.updatedAt.getTime() !== closed.updatedAt.getTime()) throw changedSince(id);
  // Who is told of the removal, or is waited for, may take long, too.
  await removeWhen(lifecycle, id, { transition: transitions.erase, unchangedSince: closed.updatedAt }).catch((error) =>
    Promise.reject(isTenancyError(error, 'TENANT_CHANGED') ? changedSince(id) : error),
  );
  const erasure = { tenant: id, createdAt: stored.createdAt, erasedAt: new Date(), archive };
  await lifecycle.signals.emit('erased', { tenant: { id }, erasure });
  return erasure;
}

/** Somebody may have resumed the tenant, and its users may have written what no archive has. */
function changedSince(id: string): TenancyError {
  const message = `Tenant "${id}" was changed since its archive was begun, so it was not removed. Erase it again.`;
  return new TenancyError('TENANT_CHANGED', message, { tenant: id });
}
