import type { ArchiveSession } from '../../archive/archive-session.ts';
import { readTenantTables, type TenantTables } from '../../archive/tenant-tables.ts';
import { formerTenants, secretsTable, tenantColumn } from '../../placement/shared-tables.ts';
import { isOfExtension } from '../../sql/extensions.ts';
import { quoteName, quoteText } from '../../sql/quote.ts';
import type { DecodedChange, DecodedRow, TableName } from './decoded-change.ts';
import type { NotOnline } from './not-online.ts';
import type { PendingRows } from './pending-rows.ts';

/** What changes of a tenant's tables are known by. */
export interface WatchedTables {
  readonly found: TenantTables;
  /** The columns that a table's rows are known by, without the tenant's; none where the tenant has one row. */
  readonly keys: ReadonlyMap<string, readonly string[]>;
  /** Says which rows of the tenant a change is of. Returns the name of a table that nobody knew of. */
  take(change: DecodedChange, xid: number, pending: PendingRows): string | undefined;
  /** What of the tables decides how they are copied: it must stay the same meanwhile. */
  readonly shape: string;
}

/** A relation of the tenant's schema that has rows: a table, or a partition of one. */
interface Relation {
  readonly name: string;
  /** The table that the tenant has: for a partition, the partitioned one. */
  readonly table: string;
  readonly isUnlogged: boolean;
  readonly hasOid: boolean;
  /** The columns that PostgreSQL says of a row that is gone; none if it says nothing that identifies it. */
  readonly key: readonly string[];
}

/** Reads what a tenant's tables are, or why their changes cannot be followed. */
export async function watchTables(
  session: ArchiveSession,
  logTable: string,
  isAlone: boolean,
): Promise<WatchedTables | NotOnline> {
  const found = await readTenantTables(session, logTable);
  const relations = await readRelations(session);
  const tables = relations.filter(({ table }) => found.tables.has(table));
  const not = whyNot(found, tables);
  if (not !== undefined) return not;
  const byName = new Map(tables.map((relation) => [relation.name, relation]));
  const others = new Set([logTable, formerTenants, secretsTable]);
  const ofExtensions = new Set((await readExtensionTables(session)).map(idOf));
  const { schema, key: tenantKey } = session;

  function take(change: DecodedChange, xid: number, pending: PendingRows): string | undefined {
    if (change.kind === 'truncate') {
      const names = change.tables.map((name) => relationOf(name, (table) => pending.truncated(table, xid)));
      return names.find((name) => name !== undefined);
    }
    if (!('rows' in change)) return undefined;
    return relationOf(change.table, (table, key) => {
      for (const row of change.rows) {
        if (tenantKey === undefined || isOfTenant(row, tenantKey)) addRow(pending, { table, key, row, xid });
      }
      if (change.rows.length === 0) throw new Error(`a change of its table "${table}" does not say of which row it is`);
    });
  }

  /** Calls back for what is the tenant's. What is not has to be known as well, or else its name is returned. */
  function relationOf(name: TableName, found: (table: string, key: readonly string[]) => void): string | undefined {
    if (ofExtensions.has(idOf(name))) return undefined;
    if (name.schema !== schema) return isAlone ? idOf(name) : undefined;
    const relation = byName.get(name.table);
    if (relation !== undefined) found(relation.table, relation.key);
    return relation !== undefined || others.has(name.table) ? undefined : name.table;
  }

  return {
    found,
    take,
    keys: new Map(tables.map(({ table, key }) => [table, withoutTenant(key)])),
    shape: shapeOf(found, tables),
  };
}

function addRow(
  pending: PendingRows,
  { table, key, row, xid }: { table: string; key: readonly string[]; row: DecodedRow; xid: number },
): void {
  const columns = withoutTenant(key);
  const values = columns.map((column) => row.get(column));
  if (values.includes(undefined)) throw new Error(`a change of its table "${table}" does not say the key of its row`);
  // A table of one row, of which only the tenant says whose it is.
  if (columns.length === 0) pending.truncated(table, xid);
  else pending.changed(table, JSON.stringify(values), xid);
}

/** A row that is gone may not say whose it was. Then its key is looked up, and nothing is found if it was another's. */
function isOfTenant(row: DecodedRow, key: string): boolean {
  return !row.has(tenantColumn) || row.get(tenantColumn) === key;
}

function withoutTenant(key: readonly string[]): readonly string[] {
  return key.filter((column) => column !== tenantColumn);
}

function whyNot({ materializedViews }: TenantTables, tables: readonly Relation[]): NotOnline | undefined {
  const [view] = materializedViews;
  if (view !== undefined) {
    const why = `its materialized view "${view}" would be refreshed while writes are refused`;
    return { why, remedy: 'Drop it before the move, and refresh it afterwards' };
  }
  for (const relation of tables) {
    const not = whyNotOf(relation);
    if (not !== undefined) return not;
    const { name, table, key } = relation;
    const whole = tables.find((each) => each.name === table);
    if (whole?.key.join('\n') === key.join('\n')) continue;
    const why = `its partition "${name}" has another replica identity than its table`;
    return { why, remedy: 'Give it the same one' };
  }
  return undefined;
}

function whyNotOf({ name, isUnlogged, hasOid, key }: Relation): NotOnline | undefined {
  if (isUnlogged) {
    const why = `its table "${name}" is unlogged, so that its changes are not decoded`;
    return { why, remedy: 'Set it logged' };
  }
  if (hasOid) {
    const why = `its table "${name}" has a column of type oid, which may refer to a large object`;
    return { why, remedy: 'Give the column another type, such as bytea or bigint' };
  }
  if (key.length > 0) return undefined;
  const why = `its table "${name}" has no primary key or replica identity`;
  return { why, remedy: 'Give it a primary key' };
}

/** With the default replica identity, PostgreSQL says the primary key of a row that is gone; with `full`, all columns; else those of an index. */
async function readRelations(session: ArchiveSession): Promise<readonly Relation[]> {
  const found = await session.query(`select c.relname as name, c.relpersistence = 'u' as "isUnlogged",
      coalesce((select relname from pg_class where oid = pg_partition_root(c.oid)), c.relname) as table,
      exists (select from pg_attribute a join pg_type t on t.oid = a.atttypid where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        and 'oid'::regtype in (a.atttypid, t.typbasetype)) as "hasOid",
      (select coalesce(json_agg(a.attname order by k.n), '[]') from pg_index i, unnest(i.indkey) with ordinality k(number, n), pg_attribute a
        where i.indrelid = c.oid and i.indimmediate and i.indisvalid and k.n <= i.indnkeyatts and a.attrelid = c.oid and a.attnum = k.number
          and not exists (select from pg_attribute g where g.attrelid = c.oid and g.attnum = any (i.indkey) and g.attgenerated <> '')
          and case c.relreplident when 'n' then false when 'i' then i.indisreplident else i.indisprimary end) as key
    from pg_class c where c.relnamespace = ${quoteText(quoteName(session.schema))}::regnamespace and c.relkind in ('r', 'p')
      and not ${isOfExtension('pg_class', 'c.oid')} order by c.relispartition desc, c.relname`);
  return found as unknown as readonly Relation[];
}

async function readExtensionTables(session: ArchiveSession): Promise<readonly TableName[]> {
  const found = await session.query(`select nspname as schema, relname as table from pg_class c
    join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p') and ${isOfExtension('pg_class', 'c.oid')}`);
  return found as unknown as readonly TableName[];
}

function idOf({ schema, table }: TableName): string {
  return `${schema}.${table}`;
}

function shapeOf({ tables, sequences, materializedViews }: TenantTables, relations: readonly Relation[]): string {
  const shapes = [...tables.values()]
    .map(({ name, kind, columns, key }) => ({ name, kind, columns, key }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return JSON.stringify([shapes, sequences.map(({ name }) => name), materializedViews, relations]);
}
