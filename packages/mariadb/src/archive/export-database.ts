import { TenancyError, type Tenant } from '@omnitenant/core';
import type { ArchivePart } from '@omnitenant/core/extend';
import {
  jsonPart,
  type MigrationSet,
  manifestPart,
  rowsPart,
  type TenantEntityManager,
  tablePart,
} from '@omnitenant/orm/extend';
import { appliedIn } from '../migrations/migrate-database.ts';
import { readSchema } from '../migrations/read-schema.ts';
import type { Wire } from '../sessions/wire.ts';
import { quoteName } from '../sql/quote.ts';
import { beginReading } from './archive-session.ts';
import { rowLines } from './archived-rows.ts';
import type { DatabaseManifest } from './database-manifest.ts';
import { type DatabaseTable, readTables } from './database-tables.ts';

/** What a tenant's database is archived with. */
export interface ArchiveParts {
  readonly sessionOf: (tenant: Tenant) => Promise<ArchiveSession>;
  readonly set: () => Promise<MigrationSet>;
}

/** A session of the tenant's own user, that nobody else has until it is released. */
export interface ArchiveSession {
  readonly wire: Wire;
  /** An EntityManager on it. */
  readonly em: TenantEntityManager;
  release(): void;
}

/** Streams a tenant's rows, all of them as they were at one moment. */
export async function* exportDatabase(parts: ArchiveParts, tenant: Tenant): AsyncGenerator<ArchivePart> {
  const set = await parts.set();
  const { wire, em, release } = await parts.sessionOf(tenant);
  try {
    await beginReading(wire);
    const { tables, sequences, refused } = await readTables(wire, set.logTable);
    if (refused !== undefined) throw exportRefused(tenant, refused);
    const manifest: DatabaseManifest = {
      server: await versionOf(wire),
      migrations: (await appliedIn({ set, em })).applied,
      tables,
      sequences,
      objects: [...(await readSchema(em, set.logTable)).keys()],
    };
    yield jsonPart(manifestPart, manifest);
    const counts: number[] = [];
    for (const [index, table] of tables.entries()) {
      const bytes = rowsOf(wire, table, (rows) => void counts.push(rows));
      yield { name: tablePart(index), bytes: refusing(bytes, tenant, table) };
    }
    yield jsonPart(rowsPart, counts);
  } finally {
    release();
  }
}

/** The lines of a table, in the order of its key. */
export async function* linesIn(wire: Wire, table: DatabaseTable): AsyncGenerator<string> {
  const { list, write } = rowLines(table.columns);
  const order = table.key.length > 0 ? ` order by ${table.key.map(quoteName).join(', ')}` : '';
  for await (const row of wire.bytes(`select ${list} from ${quoteName(table.name)}${order}`)) yield write(row);
}

const chunkLength = 1 << 16;

async function* rowsOf(wire: Wire, table: DatabaseTable, done: (rows: number) => void): AsyncGenerator<Uint8Array> {
  let lines: string[] = [];
  let length = 0;
  let rows = 0;
  for await (const line of linesIn(wire, table)) {
    lines.push(line, '\n');
    length += line.length;
    rows += 1;
    if (length < chunkLength) continue;
    yield Buffer.from(lines.join(''));
    lines = [];
    length = 0;
  }
  if (lines.length > 0) yield Buffer.from(lines.join(''));
  done(rows);
}

async function* refusing(
  bytes: AsyncIterable<Uint8Array>,
  tenant: Tenant,
  { name }: DatabaseTable,
): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes;
  } catch (error) {
    if (error instanceof TypeError) throw exportRefused(tenant, `in its table "${name}", ${error.message}`);
    throw error;
  }
}

async function versionOf(wire: Wire): Promise<string> {
  const { result } = await wire.query('select version() as version');
  return (result.rows as { version: string }[])[0]?.version ?? '';
}

function exportRefused({ id }: Tenant, why: string): TenancyError {
  return new TenancyError('ARCHIVE_REFUSED', `Tenant "${id}" cannot be exported: ${why}.`, { tenant: id });
}
