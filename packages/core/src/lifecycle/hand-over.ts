import type { ArchiveDigest } from '../archive/archive-part.ts';
import type { Tenant } from '../models/tenant.ts';
import { exportTenant } from './export.ts';
import type { Lifecycle } from './lifecycle.ts';

/** Takes a tenant's archive, which it has to read to its end. */
export type KeepArchive = (archive: ReadableStream<Uint8Array>) => unknown;

/** Gives a tenant's archive to whoever keeps it, and resolves once all of it was read and kept. */
export async function handOver<T extends Tenant>(
  lifecycle: Lifecycle<T>,
  id: string,
  keep: KeepArchive,
): Promise<ArchiveDigest> {
  const { bytes, written } = await exportTenant(lifecycle, id);
  try {
    await keep(bytes);
  } finally {
    // It was not read to its end, unless this does nothing.
    await bytes.cancel().catch(() => {});
  }
  return written;
}
