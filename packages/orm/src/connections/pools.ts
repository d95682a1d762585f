import { ownServer } from '../placement/placement.ts';
import { type Database, lastOf, type QueryResult, type SqlClient, type SqlPool } from '../sql/client.ts';
import { withoutTimeLimits } from '../sql/time-limits.ts';
import type { ConnectionTarget } from './database-pool.ts';
import type { FairServer } from './fair-server.ts';
import type { OwnServerPools } from './own-server-pools.ts';
import type { OrmStats } from './pool-stats.ts';
import type { Replication } from './replication.ts';
import { unavailable } from './server-errors.ts';

/** The pools of an application, one for each database in use. All tenants in a database share its pool. */
export interface Pools {
  /**
   * Checks out a connection.
   *
   * @throws SERVER_UNAVAILABLE if the server cannot be reached or refuses the connection, and from the client's statements if
   * the connection is lost later; CONNECTIONS_EXHAUSTED if no connection becomes free in time.
   */
  connect(target: ConnectionTarget, pipelined?: boolean): Promise<SqlClient>;
  /** Sends SQL that belongs to no tenant, such as `create schema`, and returns the rows of the last statement. */
  query(database: Database, sql: string): Promise<QueryResult['rows']>;
  /**
   * Sends statements of this package that leave nothing in a session, as one message and one transaction, and returns the rows of the last.
   * They take one round trip, as nothing has to be set before them or ended after them.
   */
  ask(database: Database, statements: readonly [string, ...string[]]): Promise<QueryResult['rows']>;
  /** Opens a connection that changes of a database are decoded on. It is in no pool, and no part of the budget. */
  replicate(database: Database): Promise<Replication>;
  /** Closes the pool of a database before the database is dropped. It opens again on its next use. */
  close(database: Database): Promise<void>;
  /** Cuts all connections to a server that has fallen silent, so that what waits for it fails. */
  cut(database: Database): void;
  /** Closes all pools for good. */
  end(): Promise<void>;
  stats(): Pick<OrmStats, 'servers'>;
}

/** The pools of the configured servers, by name, and of tenants' own servers. */
export function createPools(
  servers: ReadonlyMap<string, FairServer>,
  own: OwnServerPools,
  replicate: Pools['replicate'],
): Pools {
  function connect(target: ConnectionTarget, pipelined?: boolean): Promise<SqlClient> {
    const pools = target.url === undefined ? servers.get(target.server) : own.of(target.url);
    return pools ? pools.connect(target, pipelined) : Promise.reject(unknownServer(target));
  }
  const inUse = ({ server, url }: Database) => (url === undefined ? servers.get(server) : own.tryOf(url));
  return {
    connect,
    query: queryOn(connect),
    ask: askOn(connect),
    replicate,
    stats: () => {
      const all = [...[...servers].map(([name, pools]) => [name, pools.stats()]), [ownServer, own.stats()]];
      return { servers: Object.fromEntries(all.filter(([, stats]) => stats !== undefined)) };
    },
    close: async (database) => {
      await within(closeTimeoutMs, inUse(database)?.close(database.database) ?? Promise.resolve());
    },
    cut: (database) => inUse(database)?.cut(),
    end: async () => {
      await Promise.all([...servers.values(), own].map((server) => server.end()));
    },
  };
}

/** PGlite's one pool, for every target. */
export function pglitePools(pool: SqlPool): Pools {
  let ended = false;
  async function connect(target: ConnectionTarget): Promise<SqlClient> {
    try {
      if (ended) throw new Error('its connections have been closed');
      return await pool.connect();
    } catch (error) {
      throw unavailable(target, error);
    }
  }
  return {
    connect,
    query: queryOn(connect),
    ask: askOn(connect),
    replicate: (database) => Promise.reject(unavailable(database, new Error('PGlite decodes no changes'))),
    close: async () => {},
    cut: () => {},
    stats: () => ({ servers: {} }),
    end: async () => {
      ended = true;
      await pool.end();
    },
  };
}

function queryOn(connect: Pools['connect']): Pools['query'] {
  return async (database, sql) => {
    const client = await connect(database);
    try {
      // A limit on the statements of requests is none for what makes and removes tenants. Through a pooler, others would get that.
      if (client.isDirect) await client.query(withoutTimeLimits('session'));
      const result = await client.query(sql);
      return lastOf(result).rows;
    } finally {
      client.release();
    }
  };
}

function askOn(connect: Pools['connect']): Pools['ask'] {
  return async (database, statements) => {
    const client = await connect(database);
    try {
      const named = statements.at(-1) ?? statements[0];
      const result = await (client.sendTogether?.(statements, named) ?? client.query(statements.join(';\n')));
      return lastOf(result).rows;
    } finally {
      client.release();
    }
  };
}

function unknownServer(target: ConnectionTarget): Error {
  return unavailable(target, new Error('there is no such server in the configuration'));
}

/** How long statements may still run in a database that is to be dropped, in milliseconds. After that, PostgreSQL ends them. */
const closeTimeoutMs = 3_000;

async function within(ms: number, work: Promise<void>): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}
