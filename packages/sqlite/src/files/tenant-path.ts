import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { TenancyError, type Tenant } from '@omnitenant/core';
import { incarnationOf, isTenantId } from '@omnitenant/core/extend';

/** What SQLite keeps beside a file while it is open. */
const besides = ['-wal', '-shm', '-journal'] as const;

/**
 * The path of a tenant's file. It is named for the incarnation, so that a successor of the same id has another file. An id is a label
 * of lower-case letters, digits and hyphens, which means the same on every file system and leaves no folder.
 *
 * @throws TENANT_INVALID for a record whose id is none.
 */
export function pathOf(folder: string, tenant: Tenant): string {
  const { id, createdAt } = tenant;
  if (!isTenantId(id) || !Number.isSafeInteger(createdAt.getTime())) {
    throw new TenancyError(
      'TENANT_INVALID',
      'The record of a tenant has an id or a time of creation that names no file.',
    );
  }
  return join(folder, `${incarnationOf(tenant)}.sqlite`);
}

/** The files that may be there of one database. */
export function filesOf(path: string): readonly string[] {
  return [path, ...besides.map((ending) => `${path}${ending}`)];
}

/**
 * Refuses a path that leads somewhere else.
 *
 * @throws TENANT_OUTDATED where there is no file, as after the tenant was removed; TENANT_INVALID where it is a link or a folder.
 */
export function requireOwnFile(path: string, { id }: Tenant): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    const message = `Tenant "${id}" has no file any more: it was removed, or its file was moved away. Look the tenant up again.`;
    throw new TenancyError('TENANT_OUTDATED', message, { tenant: id });
  }
  if (found.isFile()) return;
  const message = `The file of tenant "${id}" is no plain file. A link could lead to another tenant's; put the file itself in its place.`;
  throw new TenancyError('TENANT_INVALID', message, { tenant: id });
}

/** Tells the file at a path from one that was there before. */
export function identityOf(path: string): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found && `${found.dev} ${found.ino} ${found.birthtimeMs}`;
}
