import type { Tenant } from '@omnitenant/core';
import type { ArchivePart } from '@omnitenant/core/extend';
import { sharesTables } from '../placement/placement.ts';
import { codeOf, sqlState } from '../sql/error-codes.ts';
import { type ArchiveSession, inArchiveSession } from './archive-session.ts';
import { type CopiedRows, digestOf, qualified } from './copy.ts';
import type { ArchiveParts } from './export-tenant.ts';
import {
  invalid,
  manifestPart,
  type OrmManifest,
  parseOrmManifest,
  partsInOrder,
  rowsPart,
  tablePart,
} from './orm-manifest.ts';
import { writeSequences } from './sequences.ts';
import { tableLoader } from './table-loader.ts';
import { isIn, readTenantTables, type TenantTable, type TenantTables } from './tenant-tables.ts';

/** What a tenant's database is filled with. */
export interface ImportParts extends ArchiveParts {
  /** Brings the tenant's storage to these migrations. */
  readonly bringTo: (tenant: Tenant, migrations: readonly string[]) => Promise<void>;
}

/** What the parts of an archive are checked with. */
export interface ImportChecks extends ArchiveParts {
  /** Fails where `bringTo` would. */
  readonly checkVersion: (tenant: Tenant, migrations: readonly string[]) => Promise<void>;
}

/**
 * Fails where the parts of an archive are of migrations that the tenant cannot have here, or would not go into the tables that it shares. Other
 * tables are made anew.
 */
export async function checkImport(
  parts: ImportChecks,
  tenant: Tenant,
  archive: AsyncIterable<ArchivePart>,
): Promise<void> {
  const manifest = parseOrmManifest(await partsInOrder(archive).json(manifestPart));
  await parts.checkVersion(tenant, manifest.migrations);
  if (!sharesTables(tenant)) return;
  const logTable = await parts.logTable();
  await inArchiveSession(parts, tenant, 'read', async (session) => {
    tablesOf(manifest, await readTenantTables(session, logTable));
    await refuseHinderingTriggers(session);
  });
}

/** Fills a tenant's storage with the parts of an archive: all of it or nothing, and compared with what was read. */
export async function importTenant(
  parts: ImportParts,
  tenant: Tenant,
  archive: AsyncIterable<ArchivePart>,
): Promise<void> {
  const reading = partsInOrder(archive);
  const manifest = parseOrmManifest(await reading.json(manifestPart));
  await parts.bringTo(tenant, manifest.migrations);
  const logTable = await parts.logTable();
  let loading: string | undefined;
  if (sharesTables(tenant)) await inSession(raiseSequences);
  await inSession(fill);

  async function inSession(work: (session: ArchiveSession) => Promise<void>): Promise<void> {
    await inArchiveSession(parts, tenant, 'write', (session) =>
      work(session).catch((error: unknown) => Promise.reject(withoutValues(error, session, loading))),
    );
  }

  /** First, and by itself: those who share the sequences wait for who sets them, and for who writes rows with the numbers that they get. */
  async function raiseSequences(session: ArchiveSession): Promise<void> {
    tablesOf(manifest, await readTenantTables(session, logTable));
    await writeSequences(session, manifest.sequences);
  }

  async function fill(session: ArchiveSession): Promise<void> {
    const found = await readTenantTables(session, logTable);
    const tables = tablesOf(manifest, found);
    const loader = tableLoader(session, found);
    await loader.begin();
    const loaded: CopiedRows[] = [];
    for (const [index, table] of tables.entries()) {
      const bytes = await reading.next(tablePart(index));
      loading = table.name;
      loaded.push(await loader.load(table, bytes));
    }
    loading = undefined;
    compareCounts(loaded, await reading.json(rowsPart));
    await reading.end();
    await loader.end();
    if (!session.isShared) await writeSequences(session, manifest.sequences);
    await compareRows(session, tables, loaded);
    for (const view of found.materializedViews)
      await session.query(`refresh materialized view ${qualified(session, view)}`);
  }
}

/**
 * The archive's tables as they are here, with the archive's columns and order.
 *
 * @throws ARCHIVE_INVALID where they differ.
 */
function tablesOf(manifest: OrmManifest, { tables, sequences }: TenantTables): readonly TenantTable[] {
  const archived = new Map(manifest.tables.map((table) => [table.name, table]));
  const differences = [
    ...[...tables.keys()].filter((name) => !archived.has(name)).map((name) => `it lacks the table "${name}"`),
    ...manifest.tables.flatMap(({ name, columns, key }) => {
      const table = tables.get(name);
      if (table === undefined) return [`the table "${name}" is not made by the migrations`];
      const here = table.columns.map((column) => column.name);
      const there = columns.map((column) => column.name);
      if (here.toSorted().join('\n') !== there.toSorted().join('\n'))
        return [`the table "${name}" has other columns here`];
      return key.join('\n') === table.key.join('\n') ? [] : [`the table "${name}" has another key here`];
    }),
    ...manifest.sequences
      .filter(({ name }) => !sequences.some((sequence) => sequence.name === name))
      .map(({ name }) => `the sequence "${name}" is not made by the migrations`),
  ];
  if (archived.size < manifest.tables.length) differences.push('it names a table twice');
  if (differences.length > 0) throw invalid(differences.slice(0, 3).join(', and '));
  return manifest.tables.map(({ name, columns, compared }) => {
    const table = tables.get(name) as TenantTable;
    const order = columns.map((column) => column.name);
    const sorted = table.columns.toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
    return { ...table, columns: sorted, compared };
  });
}

/**
 * In shared tables, triggers fire while a tenant's rows are deleted and written. One before a row is deleted may refuse that, and one after it is
 * written may write others, which the archive has as well.
 */
async function refuseHinderingTriggers(session: ArchiveSession): Promise<void> {
  const [found] = await session.query(`select t.tgname as name, c.relname as table from pg_trigger t
    join pg_class c on c.oid = t.tgrelid where ${isIn(session.schema)} and not t.tgisinternal and t.tgenabled <> 'D'
    and (t.tgtype & 10 = 10 or t.tgtype & 6 = 4) order by 2, 1 limit 1`);
  if (!found) return;
  throw invalid(
    `the trigger "${found['name']}" of the shared table "${found['table']}" would fire for each of its rows. Move the tenant to isolation "schema", ` +
      'restore it there, and move it back',
  );
}

function compareCounts(loaded: readonly CopiedRows[], counts: unknown): void {
  if (JSON.stringify(counts) !== JSON.stringify(loaded.map(({ rows }) => rows))) {
    throw invalid('it has other numbers of rows than it says');
  }
}

/** Reads the rows back as an export would. */
async function compareRows(
  session: ArchiveSession,
  tables: readonly TenantTable[],
  loaded: readonly CopiedRows[],
): Promise<void> {
  await session.bindToRows();
  for (const [index, table] of tables.entries()) {
    const { rows, sha256 } = await digestOf(session, table);
    if (rows === loaded[index]?.rows && sha256 === loaded[index].sha256) continue;
    throw invalid(
      `the rows of the table "${table.name}" are not the same once they are stored, as where a trigger changes them`,
    );
  }
  await session.actAsOwner();
}

/** What PostgreSQL says of a row that it refuses has the row's values, in the message and beside it: the names are kept. */
export function withoutValues(error: unknown, { isShared }: ArchiveSession, loading: string | undefined): unknown {
  const code = codeOf(error);
  if (code === undefined || !refusesRows.test(code)) return error;
  const { table = loading, column, constraint } = error as Partial<Record<string, string>>;
  const of = table === undefined ? '' : ` of its table "${table}"`;
  if (isShared && code === sqlState.uniqueViolation) {
    return invalid(
      `rows${of} have keys that are taken in the tables that tenants share, by the tenant that it is a copy of or by numbers of ` +
        'the same sequence. Import it with isolation "schema" or "database"',
    );
  }
  const named = Object.entries({ column, constraint }).filter(([, name]) => name !== undefined);
  const where = [code, ...named.map(([what, name]) => `${what} "${name}"`)].join(', ');
  return invalid(`PostgreSQL refuses a row${of} (${where})`);
}

/** The classes of errors in data, in constraints, of checks in views and of functions. */
const refusesRows = /^(22|23|44|P0)/;
