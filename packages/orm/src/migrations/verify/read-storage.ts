import type { Pools } from '../../connections/pools.ts';
import { appliedRows } from '../../isolation/row/storage.ts';
import type { OrmPlacement } from '../../placement/placement.ts';
import type { Database, QueryResult } from '../../sql/client.ts';
import { quoteName, quoteText } from '../../sql/quote.ts';
import { withoutTimeLimit } from '../replay.ts';
import { digestOfLog } from '../version.ts';
import { type CatalogueTarget, digestSql, fingerprintSql, itemsSql, loggedSql } from './catalogue-sql.ts';
import type { CatalogueItem } from './differences.ts';
import { inChunks, inParallel } from './in-parallel.ts';

/** What is in a tenant's schema. */
export interface Found {
  /** The same only for the same catalogue in the same database. */
  readonly fingerprint: string;
  /** The digest of the migrations in its log; empty if it has none. */
  readonly log: string;
}

/** How schemas are read. */
export interface StorageReader {
  /** Reads schemas of one database. One that is not there is not in the result. */
  read(database: Database, schemas: readonly string[]): Promise<ReadonlyMap<string, Found>>;
  /** A digest of each of these schemas that is the same for the same catalogue. */
  digests(database: Database, schemas: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** All that is in a schema. */
  items(database: Database, schema: string): Promise<readonly CatalogueItem[]>;
  /** The names of the migrations in the log of a schema. */
  applied(database: Database, schema: string): Promise<readonly string[]>;
  /** The names of the migrations in the log of shared tables; `undefined` if the schema is not there. */
  appliedShared(placement: OrmPlacement): Promise<readonly string[] | undefined>;
}

/** So many schemas are read by one query, so that large servers use more than one processor. Each query goes through the whole catalogue. */
const schemasPerQuery = 10_000;

/** PostgreSQL locks each log until the end of the message, and has room for some 6,000 locks. */
const logsPerMessage = 500;

/** A query over more tables than this takes PostgreSQL longer to plan than several take. */
const logsPerQuery = 50;

export function storageReader(
  pools: Pools,
  { logTable, extensions }: Pick<CatalogueTarget, 'logTable' | 'extensions'>,
  concurrency: number,
): StorageReader {
  const versions = new Map<string, Promise<number>>();

  function versionOn(database: Database): Promise<number> {
    const key = database.url ?? database.server;
    const version = versions.get(key) ?? serverVersion(pools, database);
    versions.set(key, version);
    return version;
  }

  async function targetOf(database: Database, schemas: readonly string[]): Promise<CatalogueTarget> {
    return { schemas, logTable, extensions, version: await versionOn(database) };
  }

  /** The digests of the schemas by their names, those of all parts joined. So many schemas at a time, on so many connections. */
  async function hashes(
    database: Database,
    schemas: readonly string[],
    sqlOf: (target: CatalogueTarget) => readonly string[],
  ): Promise<ReadonlyMap<string, string>> {
    const targets = await Promise.all(inChunks(schemas, schemasPerQuery).map((chunk) => targetOf(database, chunk)));
    const rows = await inParallel(targets.flatMap(sqlOf), concurrency, (sql) => readOnce(database, sql));
    const digests = new Map<string, string>();
    for (const { schema, digest } of rows.flat() as { schema: string; digest: string }[])
      digests.set(schema, `${digests.get(schema) ?? ''} ${digest}`);
    return digests;
  }

  /** The rows of all statements. A connection keeps what it has read of the catalogue, so it is closed. */
  async function readOnce(database: Database, sql: string): Promise<QueryResult['rows']> {
    const client = await pools.connect(database);
    try {
      const results = await client.query(`${withoutTimeLimit()}; ${sql}`);
      return [results].flat().flatMap(({ rows }) => rows);
    } finally {
      client.release(true);
    }
  }

  function inSchema(schema: string): string {
    return `${quoteName(schema)}.${quoteName(logTable)}`;
  }

  /** The digests of logs. One aggregate for all of them takes PostgreSQL less time than one for each; an empty log is not among them. */
  function logsSql(schemas: readonly string[]): string {
    const entries = schemas.map((name) => `select ${quoteText(name)} as schema, name from ${inSchema(name)}`);
    return `select schema, ${digestOfLog} as log from (${entries.join(' union all ')}) as entries group by schema`;
  }

  /** The digests of the logs, by the names of those schemas that have one. */
  async function logsOf(database: Database, schemas: readonly string[]): Promise<ReadonlyMap<unknown, unknown>> {
    const logged = await readOnce(database, loggedSql(schemas, logTable));
    const names = logged.map(({ schema }) => schema as string);
    const rows = await inParallel(inChunks(names, logsPerMessage), concurrency, (chunk) =>
      readOnce(database, inChunks(chunk, logsPerQuery).map(logsSql).join('; ')),
    );
    return new Map(rows.flat().map(({ schema, log }) => [schema, log]));
  }

  return {
    async read(database, schemas) {
      const [found, logs] = await Promise.all([hashes(database, schemas, fingerprintSql), logsOf(database, schemas)]);
      return new Map(
        [...found].map(([schema, fingerprint]) => [schema, { fingerprint, log: (logs.get(schema) ?? '') as string }]),
      );
    },
    digests: (database, schemas) => hashes(database, schemas, (target) => [digestSql(target)]),
    items: async (database, schema) =>
      (await readOnce(database, itemsSql(await targetOf(database, [schema])))) as unknown as CatalogueItem[],
    applied: async (database, schema) => {
      const rows = await readOnce(database, `select name from ${inSchema(schema)} order by id`);
      return rows.map(({ name }) => (name as string).replace(/\.[jt]s$/, ''));
    },
    appliedShared: (placement) => appliedRows(pools, placement, logTable),
  };
}

async function serverVersion(pools: Pools, database: Database): Promise<number> {
  const [found] = await pools.query(database, 'show server_version_num');
  return Math.floor(Number(found?.['server_version_num']) / 10_000);
}
