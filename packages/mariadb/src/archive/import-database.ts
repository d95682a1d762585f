import { isTenancyError, type Tenant } from '@omnitenant/core';
import type { ArchivePart } from '@omnitenant/core/extend';
import { invalidArchive, manifestPart, partsInOrder, rowsPart, tablePart } from '@omnitenant/orm/extend';
import { readSchema } from '../migrations/read-schema.ts';
import type { Wire } from '../sessions/wire.ts';
import { quoteName } from '../sql/quote.ts';
import { beginLoading } from './archive-session.ts';
import { linesOf, type RowsDigest, rowLines, rowsDigest } from './archived-rows.ts';
import { type DatabaseManifest, parseManifest } from './database-manifest.ts';
import { type DatabaseTable, type DatabaseTables, type ForeignKey, readTables } from './database-tables.ts';
import { type ArchiveParts, linesIn } from './export-database.ts';
import { withoutTriggers } from './triggers.ts';

/** What a tenant's database is filled with. */
export interface ImportParts extends ArchiveParts {
  /** Applies these migrations. */
  readonly bringTo: (tenant: Tenant, migrations: readonly string[]) => Promise<void>;
  /** Fails where `bringTo` would. */
  readonly checkVersion: (migrations: readonly string[]) => Promise<void>;
}

/**
 * Fails where the parts of an archive are of migrations that this code does not have.
 *
 * @throws ARCHIVE_INVALID
 */
export async function checkImport({ checkVersion }: ImportParts, archive: AsyncIterable<ArchivePart>): Promise<void> {
  const { migrations } = parseManifest(await partsInOrder(archive).json(manifestPart));
  await checkVersion(migrations);
}

/**
 * Fills a tenant's empty database with the parts of an archive, and compares what is stored with what was read. MariaDB commits changes of
 * tables by itself, so that a database in which this failed is dropped by whoever made it.
 *
 * @throws ARCHIVE_INVALID
 */
export async function importDatabase(
  parts: ImportParts,
  tenant: Tenant,
  archive: AsyncIterable<ArchivePart>,
): Promise<void> {
  const reading = partsInOrder(archive);
  const manifest = parseManifest(await reading.json(manifestPart));
  const { logTable } = await parts.set();
  await parts.bringTo(tenant, manifest.migrations);
  const { wire, em, release } = await parts.sessionOf(tenant);
  try {
    requireSame(manifest.objects, [...(await readSchema(em, logTable)).keys()]);
    const here = await readTables(wire, logTable);
    requireSameColumns(manifest, here);
    await beginLoading(wire);
    await withoutTriggers(wire, async () => {
      const digests = await load(wire, manifest, (index) => reading.next(tablePart(index)));
      requireCounts(digests, await reading.json(rowsPart));
      await reading.end();
      await requireReferences(wire, here.foreignKeys);
      await requireRows(wire, manifest.tables, digests);
    });
    await setCounters(wire, manifest);
  } finally {
    release();
  }
}

async function load(
  wire: Wire,
  { tables }: DatabaseManifest,
  bytesOf: (index: number) => Promise<AsyncIterable<Uint8Array>>,
): Promise<readonly RowsDigest[]> {
  const digests: RowsDigest[] = [];
  await wire.query('start transaction');
  for (const { name } of tables) await wire.query(`delete from ${quoteName(name)}`);
  for (const [index, table] of tables.entries()) {
    const bytes = await bytesOf(index);
    digests.push(
      await loadTable(wire, table, bytes).catch((error: unknown) => Promise.reject(refusedRow(error, table))),
    );
  }
  await wire.query('commit');
  return digests;
}

/** A statement has so many characters of rows, so that it is shorter than the server's shortest limit. */
const longestBatch = 1 << 18;

async function loadTable(wire: Wire, table: DatabaseTable, bytes: AsyncIterable<Uint8Array>): Promise<RowsDigest> {
  const { read } = rowLines(table.columns);
  const insert = `insert into ${quoteName(table.name)} (${table.columns.map(({ name }) => quoteName(name)).join(', ')}) values ?`;
  const digest = rowsDigest();
  let batch: (readonly unknown[])[] = [];
  let length = 0;
  async function send(): Promise<void> {
    if (batch.length > 0) await wire.query(insert, [batch]);
    batch = [];
    length = 0;
  }
  for await (const line of linesOf(bytes)) {
    if (length + line.length > longestBatch) await send();
    batch.push(read(line));
    length += line.length;
    digest.add(line);
  }
  await send();
  return digest;
}

function requireSame(archived: readonly string[], here: readonly string[]): void {
  const [there, now] = [new Set(archived), new Set(here)];
  const differences = [
    ...archived.filter((name) => !now.has(name)).map((name) => `the ${name} is not made by the migrations`),
    ...here.filter((name) => !there.has(name)).map((name) => `it lacks the ${name}`),
  ];
  if (differences.length > 0) throw invalidArchive(differences.slice(0, 3).join(', and '));
}

function requireSameColumns({ tables, sequences }: DatabaseManifest, here: DatabaseTables): void {
  const textOf = ({ name, columns }: DatabaseTable) =>
    JSON.stringify([name, columns.map((column) => [column.name, column.type]).sort()]);
  const now = new Map(here.tables.map((table) => [table.name, textOf(table)]));
  const other = tables.find((table) => now.get(table.name) !== textOf(table));
  if (other !== undefined) throw invalidArchive(`the table "${other.name}" has other columns here`);
  if (new Set(tables.map(({ name }) => name)).size !== now.size || tables.length !== now.size) {
    throw invalidArchive('it has other tables than the migrations make');
  }
  const [there, own] = [sequences, here.sequences].map((list) => JSON.stringify(list.map(({ name }) => name).sort()));
  if (there !== own) throw invalidArchive('it has other sequences than the migrations make');
}

function requireCounts(digests: readonly RowsDigest[], counts: unknown): void {
  if (JSON.stringify(counts) !== JSON.stringify(digests.map(({ rows }) => rows))) {
    throw invalidArchive('it has other numbers of rows than it says');
  }
}

/** Foreign keys are not checked while rows are written, because a row may refer to one that comes later. */
async function requireReferences(wire: Wire, keys: readonly ForeignKey[]): Promise<void> {
  for (const { name, table, columns, target, targetColumns } of keys) {
    const pairs = columns.map((column, n) => `p.${quoteName(targetColumns[n] as string)} = c.${quoteName(column)}`);
    const set = columns.map((column) => `c.${quoteName(column)} is not null`);
    const { result } = await wire.query(
      `select 1 from ${quoteName(table)} c where ${set.join(' and ')} and not exists ` +
        `(select 1 from ${quoteName(target)} p where ${pairs.join(' and ')}) limit 1`,
    );
    if (result.rows.length > 0) {
      throw invalidArchive(
        `a row of the table "${table}" refers to one that is not there, by its foreign key "${name}"`,
      );
    }
  }
}

/** Reads the rows back as an export would. */
async function requireRows(
  wire: Wire,
  tables: readonly DatabaseTable[],
  digests: readonly RowsDigest[],
): Promise<void> {
  for (const [index, table] of tables.entries()) {
    const digest = rowsDigest();
    for await (const line of linesIn(wire, table)) digest.add(line);
    if (digest.digest() === digests[index]?.digest()) continue;
    throw invalidArchive(`the rows of the table "${table.name}" are not the same once they are stored`);
  }
}

/** These commit by themselves, and so come last. */
async function setCounters(wire: Wire, { tables, sequences }: DatabaseManifest): Promise<void> {
  for (const { name, next } of tables) {
    if (next !== null) await wire.query(`alter table ${quoteName(name)} auto_increment = ${next}`);
  }
  for (const { name, next } of sequences) await wire.query(`select setval(${quoteName(name)}, ${next}, 0)`);
}

/** What MariaDB says of a row that it refuses may have the row's values: its number is kept. */
function refusedRow(error: unknown, { name }: DatabaseTable): unknown {
  if (isTenancyError(error)) return error;
  if (error instanceof SyntaxError || error instanceof TypeError) {
    return invalidArchive(`a row of its table "${name}" cannot be read`, error);
  }
  const { errno, code } = error as { errno?: number; code?: string };
  if (errno === undefined || errno < 1_000) return error;
  return invalidArchive(`MariaDB refuses a row of its table "${name}" (${errno}, ${code})`);
}
