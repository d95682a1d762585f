import { foreignKeyOrder } from '@omnitenant/orm/extend';
import { stepTable } from '../migrations/step-ledger.ts';
import type { Wire } from '../sessions/wire.ts';
import { quoteName } from '../sql/quote.ts';
import { type ArchivedColumn, formOf } from './column-form.ts';

/** A table whose rows are archived. */
export interface DatabaseTable {
  readonly name: string;
  /** Those that are stored, and not computed from others. */
  readonly columns: readonly ArchivedColumn[];
  /** The columns of the primary key; none if there is no key. */
  readonly key: readonly string[];
  /** What auto_increment gives next; null where there is none. */
  readonly next: string | null;
}

/** Rows that a foreign key may not have: those that refer to nothing. */
export interface ForeignKey {
  readonly name: string;
  readonly table: string;
  readonly columns: readonly string[];
  readonly target: string;
  readonly targetColumns: readonly string[];
}

export interface DatabaseSequence {
  readonly name: string;
  readonly next: string;
}

/** What a tenant's database has, without the logs of its migrations. */
export interface DatabaseTables {
  /** In an order in which foreign keys find what they refer to, but for circles. */
  readonly tables: readonly DatabaseTable[];
  readonly foreignKeys: readonly ForeignKey[];
  readonly sequences: readonly DatabaseSequence[];
  /** Why the database cannot be archived: it has something that an archive would not keep. */
  readonly refused: string | undefined;
}

interface TableRow {
  readonly name: string;
  readonly type: string;
  readonly engine: string | null;
  readonly next: string | null;
}
interface ColumnRow {
  readonly of_table: string;
  readonly name: string;
  readonly type: string;
  readonly is_key: number;
}
interface ReferenceRow {
  readonly name: string;
  readonly of_table: string;
  readonly of_column: string;
  readonly target: string;
  readonly target_column: string;
}

/** Reads the tables of the database that a session is in. */
export async function readTables(wire: Wire, logTable: string): Promise<DatabaseTables> {
  const rowsOf = async <Row>(sql: string) => (await wire.query(sql)).result.rows as Row[];
  const own = (name: string) => name !== logTable && name !== stepTable;
  const found = (
    await rowsOf<TableRow>(`select table_name as name, table_type as type, engine, cast(auto_increment as char) as next
      from information_schema.tables where table_schema = database() and table_type <> 'VIEW' order by table_name`)
  ).filter(({ name }) => own(name));
  const columns =
    await rowsOf<ColumnRow>(`select c.table_name as of_table, c.column_name as name, c.column_type as type,
    c.column_key = 'PRI' as is_key from information_schema.columns c
    where c.table_schema = database() and c.is_generated = 'NEVER' order by c.table_name, c.ordinal_position`);
  const references = await rowsOf<ReferenceRow>(`select constraint_name as name, table_name as of_table,
    column_name as of_column, referenced_table_name as target, referenced_column_name as target_column
    from information_schema.key_column_usage where table_schema = database() and referenced_table_name is not null
    order by table_name, constraint_name, ordinal_position`);
  const foreignKeys = keysOf(references);
  const sequences: DatabaseSequence[] = [];
  for (const { name } of found.filter(({ type }) => type === 'SEQUENCE')) {
    const [row] = await rowsOf<{ next: string }>(
      `select cast(next_not_cached_value as char) as next from ${quoteName(name)}`,
    );
    sequences.push({ name, next: String(row?.next) });
  }
  const tables = found
    .filter(({ type }) => type === 'BASE TABLE')
    .map(({ name, next }): DatabaseTable => {
      const its = columns.filter(({ of_table }) => of_table === name);
      const key = its.filter(({ is_key }) => Number(is_key) === 1).map((column) => column.name);
      return { name, columns: its.map((column) => ({ name: column.name, type: column.type })), key, next };
    });
  return { tables: inOrder(tables, foreignKeys), foreignKeys, sequences, refused: refusedOf(found, tables) };
}

function keysOf(rows: readonly ReferenceRow[]): readonly ForeignKey[] {
  const keys = new Map<string, ReferenceRow[]>();
  for (const row of rows) {
    const id = JSON.stringify([row.of_table, row.name]);
    keys.set(id, [...(keys.get(id) ?? []), row]);
  }
  return [...keys.values()].map((parts) => ({
    name: parts[0]?.name as string,
    table: parts[0]?.of_table as string,
    columns: parts.map(({ of_column }) => of_column),
    target: parts[0]?.target as string,
    targetColumns: parts.map(({ target_column }) => target_column),
  }));
}

function inOrder(tables: readonly DatabaseTable[], keys: readonly ForeignKey[]): readonly DatabaseTable[] {
  const byName = new Map(tables.map((table) => [table.name, table]));
  const references = new Map(
    tables.map(({ name }) => [name, keys.filter(({ table }) => table === name).map(({ target }) => target)]),
  );
  return foreignKeyOrder(references)
    .flat()
    .map((name) => byName.get(name) as DatabaseTable);
}

const archivedKinds: ReadonlySet<string> = new Set(['BASE TABLE', 'SEQUENCE']);

function refusedOf(found: readonly TableRow[], tables: readonly DatabaseTable[]): string | undefined {
  const strange = found.find(({ type }) => !archivedKinds.has(type));
  if (strange) return `an archive would not keep what its table "${strange.name}" is (${strange.type.toLowerCase()})`;
  const outside = found.find(({ type, engine }) => type === 'BASE TABLE' && engine !== 'InnoDB');
  if (outside)
    return `its table "${outside.name}" is of the engine ${outside.engine}, which has no snapshots. Use InnoDB`;
  for (const { name, columns } of tables) {
    const unknown = columns.find(({ type }) => formOf(type) === undefined);
    if (unknown)
      return `the column "${unknown.name}" of its table "${name}" is of the type ${unknown.type}, which an archive cannot hold`;
    if (columns.length === 0) return `all columns of its table "${name}" are computed, and an archive cannot hold it`;
  }
  return undefined;
}
