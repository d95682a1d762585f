import type { ArchiveSession } from '../../archive/archive-session.ts';
import { type CopiedRows, copyIn, copyOut, digestOf, onlyOf, qualified } from '../../archive/copy.ts';
import { withoutValues } from '../../archive/import-tenant.ts';
import { invalid } from '../../archive/orm-manifest.ts';
import { triggersOf } from '../../archive/table-loader.ts';
import { readTenantTables, type TenantTable } from '../../archive/tenant-tables.ts';
import { quoteName, quoteText } from '../../sql/quote.ts';
import type { DueRows } from './changed-rows.ts';
import type { WatchedTables } from './watched-tables.ts';

/** A table whose rows are written again. */
interface ChangedTable {
  readonly from: TenantTable;
  readonly into: TenantTable;
  readonly key: readonly string[];
  readonly isWhole: boolean;
  /** The keys, in batches; one of all rows where all are copied. */
  readonly batches: () => AsyncIterable<readonly string[] | undefined>;
  /** The temporary tables of the rows as they are now, and of the keys. */
  readonly rows: string;
  readonly keys: string;
}

/**
 * Writes rows again as one snapshot of the old place has them, and reads them back. Before and after, the rows at the new place are those
 * of one moment, so its foreign keys hold. Returns the number of rows.
 *
 * @throws ARCHIVE_INVALID where they cannot be written, or are others once they are.
 */
export async function copyChanged(
  from: ArchiveSession,
  into: ArchiveSession,
  { found, keys }: WatchedTables,
  due: readonly DueRows[],
  logTable: string,
): Promise<number> {
  const there = await readTenantTables(into, logTable);
  const changed = due.map(({ table: name, isWhole, batches }, n): ChangedTable => {
    const table = found.tables.get(name) as TenantTable;
    return {
      from: table,
      into: alike(table, there.tables),
      key: keys.get(name) ?? [],
      isWhole,
      batches: () => (isWhole ? allRows() : batches(into)),
      rows: `pg_temp.omnitenant_rows_${n}`,
      keys: `pg_temp.omnitenant_keys_${n}`,
    };
  });
  const triggers = triggersOf(into, [...there.tables.values()]);
  try {
    await triggers.disable();
    const staged: Staged[] = [];
    for (const table of changed) staged.push(await stage(from, into, table));
    await write(into, changed);
    for (const [index, table] of changed.entries()) await compare(into, table, staged[index]?.copied ?? []);
    await triggers.enable();
    return staged.reduce((sum, { rows }) => sum + rows, 0);
  } catch (error) {
    throw withoutValues(error, into, undefined);
  }
}

/** The table at the new place, with the columns in the order that they have at the old one. */
export function alike({ name, columns }: TenantTable, tables: ReadonlyMap<string, TenantTable>): TenantTable {
  const table = tables.get(name);
  const sorted = columns.map((column) => table?.columns.find((other) => other.name === column.name));
  if (table === undefined || sorted.includes(undefined)) throw invalid(`the table "${name}" is another one there`);
  return { ...table, columns: sorted as TenantTable['columns'] };
}

/** What was brought of a table. */
interface Staged {
  /** By batch. */
  readonly copied: readonly CopiedRows[];
  /** With those that are gone; of a table that was truncated, those that it has now. */
  readonly rows: number;
}

/** Brings the rows beside their table, as they are now. What is gone comes with its key alone. */
async function stage(from: ArchiveSession, into: ArchiveSession, table: ChangedTable): Promise<Staged> {
  const { columns } = table.into;
  await createTemp(
    into,
    table,
    table.rows,
    columns.map(({ name }) => name),
  );
  if (!table.isWhole) await createTemp(into, table, table.keys, table.key);
  const copied: CopiedRows[] = [];
  let rows = 0;
  for await (const batch of table.batches()) {
    const where = batch && isAmong(table.from, table.key, batch);
    const brought = await copyIn(into, table.into, table.rows, copyOut(from, table.from, { done: () => {}, where }));
    copied.push(brought);
    rows += batch?.length ?? brought.rows;
    if (batch) await into.query(`insert into ${table.keys} ${selectKeys(table.into, table.key, batch)}`);
  }
  await into.query(`analyze ${table.rows}`);
  if (!table.isWhole) await into.query(`analyze ${table.keys}`);
  return { copied, rows };
}

async function createTemp(into: ArchiveSession, table: ChangedTable, name: string, columns: readonly string[]) {
  const list = columns.map(quoteName).join(', ');
  await into.query(
    `create temp table ${name.replace('pg_temp.', '')} on commit drop as select ${list} from ${qualified(into, table.into.name)} with no data`,
  );
}

/**
 * In one statement, so that foreign keys are looked at when all of it is done, whatever refers to whatever. Rows are deleted before they
 * are inserted, as others may have their unique values by then. Where foreign keys act on what is deleted, rows that stay are updated.
 */
async function write(into: ArchiveSession, changed: readonly ChangedTable[]): Promise<void> {
  if (changed.length === 0) return;
  const acted = await actedOn(into);
  const steps = changed.flatMap((table, n) => stepsOf(into, table, `t${n}`, acted.has(table.into.name)));
  await into.query('set constraints all deferred');
  await into.query(`with ${steps.join(',\n')} select`);
  await into.query('set constraints all immediate');
}

function stepsOf(into: ArchiveSession, table: ChangedTable, alias: string, isActedOn: boolean): string[] {
  const target = onlyOf(into, table.into);
  const list = table.into.columns.map(({ name }) => quoteName(name));
  const same = table.key.map((column) => `t.${quoteName(column)} = r.${quoteName(column)}`).join(' and ');
  const isThere = `exists (select from ${table.rows} r where ${same})`;
  const isDue = table.isWhole
    ? 'true'
    : `(${table.key.map((column) => `t.${quoteName(column)}`).join(', ')}) in (select * from ${table.keys})`;
  const after = (...steps: string[]) => steps.map((step) => `(select count(*) from ${step}) >= 0`).join(' and ');
  const insert = `insert into ${qualified(into, table.into.name)} (${list.join(', ')}) overriding system value
    select ${list.map((name) => `r.${name}`).join(', ')} from ${table.rows} r`;
  const others = list.filter((name) => !table.key.map(quoteName).includes(name));
  // Where all rows of a tenant are one, it has no other key.
  if (!isActedOn || table.key.length === 0) {
    return [
      `${alias}_gone as (delete from ${target} t where ${isDue} returning 1)`,
      `${alias}_new as (${insert} where ${after(`${alias}_gone`)})`,
    ];
  }
  const updated =
    others.length === 0
      ? `select 1 where ${after(`${alias}_gone`)}`
      : `update ${target} t set ${others.map((name) => `${name} = r.${name}`).join(', ')} from ${table.rows} r
          where ${same} and ${after(`${alias}_gone`)} returning 1`;
  return [
    `${alias}_gone as (delete from ${target} t where ${isDue} and not ${isThere} returning 1)`,
    `${alias}_same as (${updated})`,
    `${alias}_new as (${insert} where not exists (select from ${target} t where ${same}) and ${after(`${alias}_gone`, `${alias}_same`)})`,
  ];
}

/** The tables of which a foreign key does something else than to refuse, or refuses at once, when their rows are deleted. */
async function actedOn(into: ArchiveSession): Promise<ReadonlySet<unknown>> {
  const found =
    await into.query(`select distinct c.relname as name from pg_constraint f join pg_class c on c.oid = f.confrelid
    where f.contype = 'f' and f.confdeltype <> 'a' and c.relnamespace = ${quoteText(quoteName(into.schema))}::regnamespace`);
  return new Set(found.map(({ name }) => name));
}

async function compare(into: ArchiveSession, table: ChangedTable, copied: readonly CopiedRows[]): Promise<void> {
  let index = 0;
  for await (const batch of table.batches()) {
    const { rows, sha256 } = await digestOf(into, table.into, batch && isAmong(table.into, table.key, batch));
    const brought = copied[index++];
    if (rows === brought?.rows && sha256 === brought.sha256) continue;
    throw invalid(`changed rows of the table "${table.into.name}" are not the same once they are stored`);
  }
}

function isAmong(table: TenantTable, key: readonly string[], batch: readonly string[]): string {
  return `(${key.map(quoteName).join(', ')}) in (${selectKeys(table, key, batch)})`;
}

function selectKeys({ columns }: TenantTable, key: readonly string[], batch: readonly string[]): string {
  const values = key.map((name, n) => `(k->>${n})::${columns.find((column) => column.name === name)?.type}`);
  return `select ${values.join(', ')} from json_array_elements(${quoteText(`[${batch.join(',')}]`)}) e(k)`;
}

async function* allRows(): AsyncGenerator<undefined> {
  yield undefined;
}
