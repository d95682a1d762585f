import { pipeline } from 'node:stream/promises';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { tenantColumn } from '../placement/shared-tables.ts';
import { quoteName, quoteText } from '../sql/quote.ts';
import type { ArchiveSession } from './archive-session.ts';
import { type RowsDigest, rowsDigest } from './rows-digest.ts';
import type { TenantTable } from './tenant-tables.ts';

/** What a table's rows come to. */
export interface CopiedRows {
  readonly rows: number;
  readonly sha256: string;
}

/** How a table is read. */
interface CopyOutOptions {
  /** Is told how many rows there were, once they were read. */
  readonly done: (rows: number) => void;
  /** A secret that decides the order, instead of the key. */
  readonly shuffle?: string | undefined;
  /** SQL that is true for the rows that are read, of all that the tenant has. */
  readonly where?: string | undefined;
}

/** Streams a table's rows, in the order of its key. */
export async function* copyOut(
  session: ArchiveSession,
  table: TenantTable,
  { done, shuffle, where }: CopyOutOptions,
): AsyncGenerator<Uint8Array> {
  const stream = session.client.query(copyTo(`copy (${rowsOf(session, table, shuffle, where)}) to stdout`));
  yield* stream;
  // Behind the rows comes their number, which has arrived when the next statement is answered.
  await session.query('select');
  done(stream.rowCount);
}

/** The numbers of the rows that the current role sees in tables. */
export async function countRows(session: ArchiveSession, tables: readonly TenantTable[]): Promise<readonly number[]> {
  const counts = tables.map((table) => `(select count(*) ${fromRows(session, table)})`);
  const [found] = await session.query(`select array[${counts.join(', ')}]::text[] as counts`);
  return ((found?.['counts'] ?? []) as readonly string[]).map(Number);
}

/** The digest of a table's rows as they are now, or of some of them. */
export async function digestOf(session: ArchiveSession, table: TenantTable, where?: string): Promise<CopiedRows> {
  const digest = rowsDigest(table);
  let rows = 0;
  for await (const chunk of copyOut(session, table, { done: (count) => (rows = count), where })) digest.update(chunk);
  return { rows, sha256: digest.digest() };
}

/** Writes rows into a table, `into` which may be one that stands in for it. */
export async function copyIn(
  session: ArchiveSession,
  table: TenantTable,
  into: string,
  bytes: AsyncIterable<Uint8Array>,
): Promise<CopiedRows> {
  const digest = rowsDigest(table);
  async function* digested(): AsyncGenerator<Uint8Array> {
    for await (const chunk of bytes) {
      digest.update(chunk);
      yield chunk;
    }
  }
  const columns = table.columns.map(({ name }) => quoteName(name));
  if (columns.length === 0) return insertEmpty(session, into, digested(), digest);
  const list = `(${columns.join(', ')})`;
  const stream = session.client.query(copyFrom(`copy ${into} ${list} from stdin`));
  await pipeline(digested(), stream);
  return { rows: stream.rowCount, sha256: digest.digest() };
}

/** Inserts rows that have no columns of their own. COPY takes no empty list, and without one all columns: in shared tables, the tenant's too. */
async function insertEmpty(
  session: ArchiveSession,
  into: string,
  lines: AsyncIterable<Uint8Array>,
  digest: RowsDigest,
): Promise<CopiedRows> {
  let rows = 0;
  for await (const chunk of lines) for (const byte of chunk) if (byte === lineBreak) rows += 1;
  if (rows > 0) await session.query(`insert into ${into} select from generate_series(1, ${rows})`);
  return { rows, sha256: digest.digest() };
}

const lineBreak = 10;

/** The table, with its schema. */
export function qualified({ schema }: Pick<ArchiveSession, 'schema'>, name: string): string {
  return `${quoteName(schema)}.${quoteName(name)}`;
}

/** SQL for a tenant's rows of a table. The same rows come in the same order on every server. */
function rowsOf(
  session: ArchiveSession,
  table: TenantTable,
  shuffle: string | undefined,
  where: string | undefined,
): string {
  const { columns, key } = table;
  const from = fromRows(session, table, where);
  const list = columns.map((column) => quoteName(column.name)).join(', ');
  if (shuffle !== undefined) {
    const text = key.length > 0 ? key.map(quoteName).join(', ') : list;
    return `select ${list} ${from} order by md5(${quoteText(shuffle)} || row(${text})::text) collate "C"`;
  }
  const order = columns
    .filter((column) => key.includes(column.name))
    .sort((a, b) => key.indexOf(a.name) - key.indexOf(b.name))
    .map((column) => `${quoteName(column.name)}${column.collated ? ' collate "C"' : ''}`);
  if (order.length === 0 && columns.length > 0) order.push(`row(${list})::text collate "C"`);
  return [`select ${list} ${from}`, ...(order.length > 0 ? [`order by ${order.join(', ')}`] : [])].join(' ');
}

function fromRows(session: ArchiveSession, table: TenantTable, where?: string): string {
  const conditions = [
    ...(session.key === undefined ? [] : [`${tenantColumn} = ${quoteText(session.key)}`]),
    ...(where === undefined ? [] : [where]),
  ];
  const from = `from ${onlyOf(session, table)}`;
  return conditions.length > 0 ? `${from} where ${conditions.join(' and ')}` : from;
}

/** The table, without those that inherit from it. */
export function onlyOf(
  session: Pick<ArchiveSession, 'schema'>,
  { name, kind }: Pick<TenantTable, 'name' | 'kind'>,
): string {
  return `${kind === 'r' ? 'only ' : ''}${qualified(session, name)}`;
}
