import type { Pools } from '../../connections/pools.ts';
import { appliedRows } from '../../isolation/row/storage.ts';
import type { OrmPlacement } from '../../placement/placement.ts';
import type { Database, QueryResult } from '../../sql/client.ts';
import { quoteName, quoteText } from '../../sql/quote.ts';
import { withoutTimeLimit } from '../replay.ts';
import { digestOfLog } from '../version.ts';
import { type CatalogueTarget, digestSql, itemsSql } from './catalogue-sql.ts';
import type { CatalogueItem } from './differences.ts';
import { inChunks, inParallel } from './in-parallel.ts';

/** What is in a tenant's schema. */
export interface Found {
  /** The same for the same catalogue. */
  readonly catalogue: string;
  /** The digest of the migrations in its log. */
  readonly log: string;
}

/** How schemas are read. */
export interface StorageReader {
  /** Reads schemas of one database. One that is not there is not in the result. */
  read(database: Database, schemas: readonly string[]): Promise<ReadonlyMap<string, Found>>;
  /** All that is in a schema. */
  items(database: Database, schema: string): Promise<readonly CatalogueItem[]>;
  /** The names of the migrations in the log of a schema. */
  applied(database: Database, schema: string): Promise<readonly string[]>;
  /** The names of the migrations in the log of shared tables; `undefined` if the schema is not there. */
  appliedShared(placement: OrmPlacement): Promise<readonly string[] | undefined>;
}

/** So many schemas are read by one query, so that large servers use more than one processor. */
const schemasPerQuery = 2_500;

/** PostgreSQL locks each log until the end of the message, and has room for some 6,000 locks. */
const logsPerMessage = 500;

/** A query over more tables than this takes PostgreSQL longer to plan than several take. */
const logsPerQuery = 50;

export function storageReader(
  pools: Pools,
  { logTable, extensions }: Pick<CatalogueTarget, 'logTable' | 'extensions'>,
  concurrency: number,
): StorageReader {
  function targetOf(schemas: readonly string[]): CatalogueTarget {
    return { schemas, logTable, extensions };
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

  function logsSql(schemas: readonly string[]): string {
    return schemas
      .map((name) => `select ${quoteText(name)} as schema, ${digestOfLog} as log from ${inSchema(name)}`)
      .join(' union all ');
  }

  async function logsOf(database: Database, schemas: readonly string[]): Promise<readonly [string, string][]> {
    const rows = await readOnce(database, inChunks(schemas, logsPerQuery).map(logsSql).join('; '));
    return rows.map(({ schema, log }) => [schema as string, log as string]);
  }

  return {
    async read(database, schemas) {
      const catalogues = await inParallel(inChunks(schemas, schemasPerQuery), concurrency, (chunk) =>
        readOnce(database, digestSql(targetOf(chunk))),
      );
      const found = catalogues.flat() as { schema: string; digest: string; logged: boolean }[];
      const logged = found.filter((each) => each.logged).map(({ schema }) => schema);
      const logs = await inParallel(inChunks(logged, logsPerMessage), concurrency, (chunk) => logsOf(database, chunk));
      const byName = new Map(logs.flat());
      return new Map(found.map(({ schema, digest }) => [schema, { catalogue: digest, log: byName.get(schema) ?? '' }]));
    },
    items: async (database, schema) =>
      (await readOnce(database, itemsSql(targetOf([schema])))) as unknown as CatalogueItem[],
    applied: async (database, schema) => {
      const rows = await readOnce(database, `select name from ${inSchema(schema)} order by id`);
      return rows.map(({ name }) => (name as string).replace(/\.[jt]s$/, ''));
    },
    appliedShared: (placement) => appliedRows(pools, placement, logTable),
  };
}
