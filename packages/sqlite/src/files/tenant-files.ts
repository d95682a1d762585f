import { existsSync } from 'node:fs';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { TenancyError, type Tenant } from '@omnitenant/core';
import { incarnationOf } from '@omnitenant/core/extend';
import { filesOf, pathOf } from './tenant-path.ts';

/** What tells a file that is not whole yet. */
const partial = '.new';

/** Makes a tenant's file of these bytes: it is whole, or not there. */
export async function writeTenantFile(
  path: string,
  { id }: Tenant,
  bytes: Uint8Array | AsyncIterable<Uint8Array>,
  options: { readonly flush: boolean; readonly replace?: boolean },
): Promise<void> {
  if (!options.replace && existsSync(path)) throw fileExists(id);
  const file = await open(`${path}${partial}`, 'w', 0o600);
  try {
    await writeAll(file, bytes);
    if (options.flush) await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}${partial}`, path);
}

async function writeAll(file: FileHandle, bytes: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
  if (bytes instanceof Uint8Array) await file.writeFile(bytes);
  else for await (const chunk of bytes) await file.writeFile(chunk);
}

/** Removes a tenant's file, and what SQLite and a killed process have left beside it. */
export async function removeTenantFile(path: string): Promise<void> {
  for (const each of [...filesOf(path), `${path}${partial}`]) await rm(each, { force: true });
}

/** What each tenant's file has on the disk, in bytes. A tenant without one is left out. */
export async function storedBytes(folder: string, tenants: readonly Tenant[]): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  for (const tenant of tenants) {
    const found = await Promise.all(filesOf(pathOf(folder, tenant)).map((path) => stat(path).catch(() => undefined)));
    if (found[0])
      sizes.set(
        incarnationOf(tenant),
        found.reduce((sum, each) => sum + (each?.size ?? 0), 0),
      );
  }
  return sizes;
}

function fileExists(id: string): TenancyError {
  const message = `Tenant "${id}" has a file already, which is not overwritten. Repair the tenant, or move the file away.`;
  return new TenancyError('PROVISION_FAILED', message, { tenant: id });
}
