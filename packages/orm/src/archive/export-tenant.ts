import { TenancyError, type Tenant } from '@omnitenant/core';
import type { ArchivePart } from '@omnitenant/core/extend';
import type { Pools } from '../connections/pools.ts';
import { loggedName } from '../migrations/version.ts';
import { sharesDatabase, sharesTables } from '../placement/placement.ts';
import { isOfExtension } from '../sql/extensions.ts';
import { quoteName, quoteText } from '../sql/quote.ts';
import { withoutTimeLimits } from '../sql/time-limits.ts';
import type { ColumnRules } from './anonymise/anonymisation.ts';
import { comparedColumns, isKept, planTables, type TablePlan } from './anonymise/plan-tables.ts';
import { replaceRows, shuffleOf } from './anonymise/replace-rows.ts';
import { type ArchiveSession, inArchiveSession, openArchiveSession } from './archive-session.ts';
import { copyOut, countRows, qualified } from './copy.ts';
import { foreignKeyOrder } from './foreign-key-order.ts';
import { jsonPart, manifestPart, type OrmManifest, rowsPart, tablePart } from './orm-manifest.ts';
import { readSequences } from './sequences.ts';
import { isIn, readTableNames, readTenantTables, type TenantTable, type TenantTables } from './tenant-tables.ts';

/** What a tenant's database is archived with. */
export interface ArchiveParts {
  readonly pools: Pools;
  /** The schema of extensions. */
  readonly extensions: string;
  /** The name of the table that logs the migrations of each tenant. */
  readonly logTable: () => Promise<string>;
}

/** How a tenant is exported. */
interface ExportOptions {
  /** How values are replaced; what has no rule is not read. */
  readonly rules?: ColumnRules | undefined;
  /**
   * The snapshot of the moment, which the caller knows all later changes of: what is truncated since is read as it is, and no table is
   * held for longer than it is read.
   */
  readonly snapshot?: string | undefined;
}

/**
 * Streams a tenant's rows, all of them as they were at one moment: one transaction reads them, on one connection. Of a snapshot, each table
 * is read in a transaction of its own.
 */
export async function* exportTenant(
  parts: ArchiveParts,
  tenant: Tenant,
  { rules, snapshot }: ExportOptions = {},
): AsyncGenerator<ArchivePart> {
  const logTable = await parts.logTable();
  const session = await openAt(parts, tenant, logTable, snapshot);
  try {
    const migrations = await appliedIn(session, logTable);
    const found = await readTenantTables(session, logTable);
    if (!sharesDatabase(tenant)) await refuseOtherSchemas(session, tenant);
    await refuseHiddenRows(session, tenant);
    const tables = inOrder(found);
    const plans = rules && planTables(rules, found.tables, tenant);
    // The owner of shared tables sees what policies of the application's own may hide from the role that reads.
    const counts = session.isShared ? await countRows(session, tables) : undefined;
    await session.bindToRows();
    await refuseLargeObjects(session, tables, tenant, plans);
    const manifest: OrmManifest = {
      isolation: tenant.isolation,
      migrations,
      tables: tables.map((table) => archivedTable(table, plans?.get(table.name))),
      sequences: await readSequences(session, found.sequences),
    };
    yield jsonPart(manifestPart, manifest);
    const rows: number[] = [];
    // The one that is exported first may be gone before the last table is read.
    const own = snapshot === undefined ? undefined : await exportSnapshot(session);
    for (const [index, table] of tables.entries()) {
      const plan = plans?.get(table.name);
      const options = { done: (count: number) => void rows.push(count), shuffle: plan && shuffleOf(plan) };
      const bytes =
        own === undefined ? copyOut(session, table, options) : copyOutAt(parts, tenant, own, table, options);
      yield { name: tablePart(index), bytes: plan === undefined ? bytes : replaceRows(bytes, plan) };
      if (counts !== undefined && counts[index] !== rows[index]) throw hides(tenant, table.name);
    }
    yield jsonPart(rowsPart, rows);
    await session.end();
  } finally {
    session.release();
  }
}

/** Exports the snapshot of a session, for as long as that lasts. */
export async function exportSnapshot(session: ArchiveSession): Promise<string> {
  const [exported] = await session.query('select pg_export_snapshot() as snapshot');
  return String(exported?.['snapshot']);
}

/** Streams a table's rows in a transaction of its own, of a snapshot. */
async function* copyOutAt(
  parts: ArchiveParts,
  tenant: Tenant,
  snapshot: string,
  table: TenantTable,
  options: Parameters<typeof copyOut>[2],
): AsyncGenerator<Uint8Array> {
  const session = await openArchiveSession(parts, tenant, { snapshot });
  try {
    await session.bindToRows();
    yield* copyOut(session, table, options);
    await session.end();
  } finally {
    session.release();
  }
}

function archivedTable(
  { name, columns, key }: TenantTable,
  plan: TablePlan | undefined,
): OrmManifest['tables'][number] {
  const compared = plan && comparedColumns(plan);
  return {
    name,
    columns: columns.map((column) => ({ name: column.name, type: column.type })),
    key,
    ...(compared && { compared }),
  };
}

/** The moment is that of the snapshot, or else the one at which nothing can be truncated or rewritten any more. */
async function openAt(
  parts: ArchiveParts,
  tenant: Tenant,
  logTable: string,
  snapshot: string | undefined,
): ReturnType<typeof openArchiveSession> {
  if (snapshot !== undefined) return openArchiveSession(parts, tenant, { snapshot });
  const held = await tablesToHold(parts, tenant, logTable);
  const session = await openArchiveSession(parts, tenant, 'read');
  if (held.length === 0) return session;
  try {
    // The moment is that of the first statement behind this one: what is truncated or rewritten later is not as it was at any moment.
    const names = held.map((name) => qualified(session, name));
    await session.query(`lock table ${names.join(', ')} in access share mode; ${withoutTimeLimits()}`);
    return session;
  } catch (error) {
    session.release();
    throw error;
  }
}

/** Nobody truncates tables that tenants share. */
async function tablesToHold(parts: ArchiveParts, tenant: Tenant, logTable: string): Promise<readonly string[]> {
  if (sharesTables(tenant)) return [];
  return inArchiveSession(parts, tenant, 'read', (session) => readTableNames(session, logTable));
}

/** The migrations that are applied to a tenant, in order. */
export async function appliedTo(parts: ArchiveParts, tenant: Tenant): Promise<readonly string[]> {
  const logTable = await parts.logTable();
  return inArchiveSession(parts, tenant, 'read', (session) => appliedIn(session, logTable));
}

async function appliedIn(session: ArchiveSession, logTable: string): Promise<readonly string[]> {
  const [found] = await session.query(
    `select to_regclass(${quoteText(qualified(session, logTable))}) is not null as is_there`,
  );
  if (!found?.['is_there']) return [];
  const log = await session.query(`select name from ${qualified(session, logTable)} order by id`);
  return log.map(({ name }) => loggedName(String(name)));
}

function inOrder({ tables }: TenantTables): readonly TenantTable[] {
  const references = new Map([...tables].map(([name, table]) => [name, table.references]));
  return foreignKeyOrder(references)
    .flat()
    .map((name) => tables.get(name) as TenantTable);
}

async function refuseOtherSchemas(session: ArchiveSession, tenant: Tenant): Promise<void> {
  const found =
    await session.query(`select distinct n.nspname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', ${quoteText(session.schema)})
    and not ${isOfExtension('pg_class', 'c.oid')} order by 1`);
  if (found.length === 0) return;
  const names = found.map(({ name }) => `"${name}"`).join(', ');
  throw refused(
    tenant,
    `its database has tables in further schemas (${names}), and an archive has those of "${session.schema}" only. Move them there`,
  );
}

/** Policies of the application's own may hide rows from the owner of a table too, where it says "force row level security". */
async function refuseHiddenRows(session: ArchiveSession, tenant: Tenant): Promise<void> {
  const [found] = await session.query(`select relname as name from pg_class c
    where ${isIn(session.schema)} and relkind in ('r', 'p') and row_security_active(c.oid) limit 1`);
  if (!found) return;
  const why = `row-level security may hide rows of its table "${found['name']}" from its owner`;
  throw refused(tenant, `${why}. Leave out "force row level security" there`);
}

function hides(tenant: Tenant, table: string): TenancyError {
  const why = `a restrictive policy hides rows of its table "${table}"`;
  return refused(tenant, `${why}. Make that policy for the role that tenants have ("to"), and not for everybody`);
}

async function refuseLargeObjects(
  session: ArchiveSession,
  tables: readonly TenantTable[],
  tenant: Tenant,
  plans: ReadonlyMap<string, TablePlan> | undefined,
): Promise<void> {
  for (const { name, columns } of tables) {
    for (const column of columns.filter((each) => each.isOid && isKept(plans?.get(name), each.name))) {
      const found = await session.query(`select from ${qualified(session, name)}
        where ${quoteName(column.name)}::oid in (select oid from pg_largeobject_metadata) limit 1`);
      if (found.length === 0) continue;
      const what = `the column "${column.name}" of its table "${name}" refers to large objects, which an archive cannot hold`;
      throw refused(tenant, `${what}. Keep them as bytea`);
    }
  }
}

function refused({ id }: Tenant, why: string): TenancyError {
  return new TenancyError('ARCHIVE_REFUSED', `Tenant "${id}" cannot be exported: ${why}.`, { tenant: id });
}
