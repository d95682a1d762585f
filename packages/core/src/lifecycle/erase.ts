import type { Erasure } from '../archive/archive-part.ts';
import { tenantOutdated } from '../errors/errors.ts';
import { isSameIncarnation } from '../models/incarnation.ts';
import type { Tenant } from '../models/tenant.ts';
import { changeStatus } from './change-record.ts';
import { exportTenant } from './export.ts';
import type { Lifecycle } from './lifecycle.ts';
import { removeTenant } from './remove.ts';

/** Takes a tenant's archive, which it has to read to its end. */
export type KeepArchive = (archive: ReadableStream<Uint8Array>) => unknown;

/** Closes a tenant, hands over its archive and removes it. Where handing over fails, the tenant stays closed. */
export async function eraseTenant<T extends Tenant>(
  lifecycle: Lifecycle<T>,
  id: string,
  keep: KeepArchive,
): Promise<Erasure> {
  const stored = await lifecycle.records.read(id);
  if (stored.status === 'active') await changeStatus(lifecycle, id, 'suspend');
  const { bytes, written } = await exportTenant(lifecycle, id);
  try {
    await keep(bytes);
  } finally {
    // It was not read to its end, unless this does nothing.
    await bytes.cancel().catch(() => {});
  }
  const archive = await written;
  if (!isSameIncarnation(await lifecycle.records.read(id), stored)) throw tenantOutdated(id);
  await removeTenant(lifecycle, id);
  const erasure = { tenant: id, createdAt: stored.createdAt, erasedAt: new Date(), archive };
  await lifecycle.signals.emit('erased', { tenant: { id }, erasure });
  return erasure;
}
