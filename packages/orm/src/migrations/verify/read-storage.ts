import { isTenancyError } from '@omnitenant/core';
import type { Pools } from '../../connections/pools.ts';
import { appliedRows } from '../../isolation/row/storage.ts';
import type { OrmPlacement } from '../../placement/placement.ts';
import type { Database, QueryResult, SqlClient } from '../../sql/client.ts';
import { valuesIn } from '../../sql/copy-text.ts';
import { codeOf, sqlState } from '../../sql/error-codes.ts';
import { quoteName } from '../../sql/quote.ts';
import { withoutTimeLimits } from '../../sql/time-limits.ts';
import { loggedName } from '../version.ts';
import { type CatalogueTarget, digestSql, fingerprintSql, itemsSql, loggedSql } from './catalogue-sql.ts';
import type { CatalogueItem } from './differences.ts';
import { inChunks, inParallel } from './in-parallel.ts';

/** The log of a tenant's migrations. */
interface Log {
  /** The names of the migrations in it, in no order; none if there is no log. */
  readonly log: readonly string[];
  /** Why it cannot be read. */
  readonly unreadable?: string;
}

/** What is in a tenant's schema. */
export interface Found extends Log {
  /** The same only for the same catalogue in the same database. */
  readonly fingerprint: string;
}

/** How schemas are read. */
export interface StorageReader {
  /** Reads schemas of one database. One that is not there is not in the result. */
  read(database: Database, schemas: readonly string[]): Promise<ReadonlyMap<string, Found>>;
  /** A digest of each of these schemas that is the same for the same catalogue. */
  digests(database: Database, schemas: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** All that is in a schema. */
  items(database: Database, schema: string): Promise<readonly CatalogueItem[]>;
  /** The names of the migrations in the log of shared tables; `undefined` if the schema is not there. */
  appliedShared(placement: OrmPlacement): Promise<readonly string[] | undefined>;
}

/** So many schemas are read by one query, so that large servers use more than one processor. Each query goes through the whole catalogue. */
const schemasPerQuery = 10_000;

/** PostgreSQL locks each log until the end of the message, and has room for some 6,000 locks. */
const logsPerMessage = 500;

/** A connection keeps some 10 KB for each log that it has read. */
const logsPerConnection = 2_500;

export function storageReader(
  pools: Pools,
  { logTable, extensions }: Pick<CatalogueTarget, 'logTable' | 'extensions'>,
  concurrency: number,
): StorageReader {
  const versions = new Map<string, Promise<number>>();
  const known = new Map<string, readonly string[]>();

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

  /** What is read through a connection. It keeps what it has read of the catalogue, so it is closed. */
  async function once<R>(database: Database, read: (client: SqlClient) => Promise<R>): Promise<R> {
    const client = await pools.connect(database);
    try {
      return await read(client);
    } finally {
      client.release(true);
    }
  }

  /** The rows of all statements of a message. */
  async function readOnce(database: Database, sql: string): Promise<QueryResult['rows']> {
    const results = await once(database, (client) => client.query(`${withoutTimeLimits()}; ${sql}`));
    return [results].flat().flatMap(({ rows }) => rows);
  }

  function inSchema(schema: string): string {
    return `${quoteName(schema)}.${quoteName(logTable)}`;
  }

  /**
   * The names in each log. COPY reads a table without planning a query, in half the time. Most logs are the same, and then the names are the
   * same array.
   */
  async function namesIn(client: SqlClient, schemas: readonly string[]): Promise<readonly (readonly string[])[]> {
    if (!client.copyOut) {
      const selects = schemas.map((name) => `select name from ${inSchema(name)}`);
      const [, ...results] = [await client.query([withoutTimeLimits(), ...selects].join('; '))].flat();
      return results.map(({ rows }) => rows.map(({ name }) => loggedName(name as string)));
    }
    const copies = schemas.map((name) => `copy ${inSchema(name)} (name) to stdout`);
    const [, ...texts] = await client.copyOut([withoutTimeLimits(), ...copies]);
    return texts.map((text) => {
      const names = known.get(text) ?? valuesIn(text).map(loggedName);
      known.set(text, names);
      return names;
    });
  }

  /** The logs, by the names of those schemas that have one. */
  async function logsOf(database: Database, schemas: readonly string[]): Promise<ReadonlyMap<string, Log>> {
    const logged = await readOnce(database, loggedSql(schemas, logTable));
    const names = logged.map(({ schema }) => schema as string);
    const logs = await inParallel(inChunks(names, logsPerConnection), concurrency, (some) =>
      once(database, async (client) => {
        const found: Log[] = [];
        for (const chunk of inChunks(some, logsPerMessage)) {
          found.push(...(await readLogs(chunk, (part) => namesIn(client, part))));
        }
        return some.map((schema, n) => [schema, found[n] ?? noLog] as const);
      }),
    );
    return new Map(logs.flat());
  }

  return {
    async read(database, schemas) {
      const [found, logs] = await Promise.all([hashes(database, schemas, fingerprintSql), logsOf(database, schemas)]);
      return new Map(
        [...found].map(([schema, fingerprint]) => [schema, { fingerprint, ...(logs.get(schema) ?? noLog) }]),
      );
    },
    digests: (database, schemas) => hashes(database, schemas, (target) => [digestSql(target)]),
    items: async (database, schema) =>
      (await readOnce(database, itemsSql(await targetOf(database, [schema])))) as unknown as CatalogueItem[],
    appliedShared: (placement) => appliedRows(pools, placement, logTable),
  };
}

/** The log of each schema. One that cannot be read keeps no other from being read. */
async function readLogs(
  schemas: readonly string[],
  namesIn: (schemas: readonly string[]) => Promise<readonly (readonly string[])[]>,
): Promise<readonly Log[]> {
  try {
    return (await namesIn(schemas)).map((log) => ({ log }));
  } catch (error) {
    if (isTenancyError(error) || codeOf(error) === '') throw error;
    if (schemas.length === 1) return [unreadable(error)];
    const read: Log[] = [];
    for (const half of inChunks(schemas, Math.ceil(schemas.length / 2))) read.push(...(await readLogs(half, namesIn)));
    return read;
  }
}

const noLog: Log = { log: [] };

/** Whose log was dropped meanwhile has none. */
function unreadable(error: unknown): Log {
  const code = codeOf(error);
  const isDropped = code === sqlState.undefinedSchema || code === sqlState.undefinedTable;
  return isDropped ? noLog : { log: [], unreadable: (error as Error).message };
}

async function serverVersion(pools: Pools, database: Database): Promise<number> {
  const [found] = await pools.query(database, 'show server_version_num');
  return Math.floor(Number(found?.['server_version_num']) / 10_000);
}
