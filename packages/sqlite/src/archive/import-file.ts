import { isTenancyError, TenancyError, type Tenant } from '@omnitenant/core';
import type { ArchivePart } from '@omnitenant/core/extend';
import { ofOtherCode } from '@omnitenant/orm/extend';
import { writeTenantFile } from '../files/tenant-files.ts';
import { type HandleOptions, openHandle, prepareFile } from '../handles/open-handle.ts';
import { filePart } from './export-file.ts';

/**
 * Puts the file of an archive in the place of the empty one. Without one, the tenant begins empty.
 *
 * @throws ARCHIVE_INVALID for a part that is no whole database of SQLite.
 */
export async function importFile(
  options: HandleOptions,
  path: string,
  tenant: Tenant,
  parts: AsyncIterable<ArchivePart>,
): Promise<void> {
  for await (const { name, bytes } of parts) {
    if (name !== filePart) throw invalid(tenant, `it has the part "${name}", which is none of SQLite`);
    await writeTenantFile(path, tenant, bytes, { flush: options.synchronous === 'full', replace: true });
    try {
      requireWhole(options, path, tenant);
      prepareFile(options, path);
    } catch (cause) {
      if (isTenancyError(cause)) throw cause;
      throw invalid(tenant, 'its file is no whole database of SQLite', cause);
    }
  }
}

/**
 * Refuses a file that other code has migrated, whose tables this code does not know.
 *
 * @throws ARCHIVE_INVALID
 */
export async function requireKnownMigrations(
  tenant: Tenant,
  unknownIn: (tenant: Tenant) => Promise<string | undefined>,
): Promise<void> {
  const unknown = await unknownIn(tenant).catch((cause: unknown) =>
    Promise.reject(isTenancyError(cause) ? cause : invalid(tenant, 'its log of migrations cannot be read', cause)),
  );
  if (unknown === undefined) return;
  throw invalid(tenant, ofOtherCode(unknown));
}

/** libsql would run what follows a semicolon in the name of a vector index. */
const statementsInNames = `select 1 from sqlite_schema where type = 'index' and sql like '%libsql_vector_idx%' and name like '%;%'`;

function requireWhole(options: HandleOptions, path: string, tenant: Tenant): void {
  const database = openHandle(options, path);
  try {
    const [first] = database.prepare('pragma quick_check(1)').all() as { quick_check: string }[];
    if (first?.quick_check !== 'ok') throw invalid(tenant, `SQLite finds that ${first?.quick_check}`);
    if (database.prepare(statementsInNames).all().length > 0)
      throw invalid(tenant, 'the name of an index is a statement');
    const schema = database.prepare('select sql from sqlite_schema').all() as { sql: string | null }[];
    if (schema.some(({ sql }) => options.unknown?.test(sql ?? '')))
      throw invalid(tenant, 'its schema uses a function that this version of omnitenant does not know');
  } finally {
    database.close();
  }
}

function invalid({ id }: Tenant, why: string, cause?: unknown): TenancyError {
  return new TenancyError('ARCHIVE_INVALID', `The archive cannot be imported as tenant "${id}": ${why}.`, {
    tenant: id,
    cause,
  });
}
