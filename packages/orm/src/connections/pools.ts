import type { Database, QueryResult, SqlClient, SqlPool } from '../sql/client.ts';
import type { ConnectionTarget } from './database-pool.ts';
import type { OwnServers } from './own-servers.ts';
import { unavailable } from './server-errors.ts';
import type { ServerPools } from './server-pools.ts';

/** The pools of an application: one for each database in use, shared by all who are placed in it, opened on first use. */
export interface Pools {
  /**
   * Checks out a connection.
   *
   * @throws SERVER_UNAVAILABLE when the server cannot be reached or refuses, and its statements when it is gone by then;
   * CONNECTIONS_EXHAUSTED when no connection becomes free in time.
   */
  connect(place: ConnectionTarget, pipelined?: boolean): Promise<SqlClient>;
  /** Sends SQL that belongs to no tenant, such as the making of a schema, and gives back the last statement's rows. */
  query(database: Database, sql: string): Promise<QueryResult['rows']>;
  /** Closes one database's pool, as before the database is dropped. It opens again on its next use. */
  close(database: Database): Promise<void>;
  /** Closes all of them, for good. */
  end(): Promise<void>;
}

/** The pools of servers by the server's name, and of tenants' own. */
export function createPools(servers: ReadonlyMap<string, ServerPools>, own: OwnServers): Pools {
  const connect = (place: ConnectionTarget, pipelined?: boolean): Promise<SqlClient> =>
    (place.url === undefined ? servers.get(place.server) : own.of(place.url))?.connect(place, pipelined) ??
    Promise.reject(unknownServer(place));
  return {
    connect,
    query: querying(connect),
    close: async ({ server, database, url }) => {
      const pools = url === undefined ? servers.get(server) : own.tryOf(url);
      await within(patience, pools?.close(database) ?? Promise.resolve());
    },
    end: async () => {
      await Promise.all([...servers.values(), own].map((server) => server.end()));
    },
  };
}

/** The one pool of PGlite, for all that is asked for. */
export function pglitePools(pool: SqlPool): Pools {
  let ended = false;
  const connect = (place: ConnectionTarget): Promise<SqlClient> =>
    (ended ? Promise.reject(new Error('its connections have been closed')) : pool.connect()).catch((error: unknown) => {
      throw unavailable(place, error);
    });
  return {
    connect,
    query: querying(connect),
    close: async () => {},
    end: async () => {
      ended = true;
      await pool.end();
    },
  };
}

function querying(connect: Pools['connect']): Pools['query'] {
  return async (database, sql) => {
    const client = await connect(database);
    try {
      const result = await client.query(sql);
      return (Array.isArray(result) ? result.at(-1) : result)?.rows ?? [];
    } finally {
      client.release();
    }
  };
}

function unknownServer(place: ConnectionTarget): Error {
  return unavailable(place, new Error('there is no such server in the configuration'));
}

/** How long a database that is to be dropped waits for what runs in it, in milliseconds: then that is cut off. */
const patience = 3_000;

async function within(ms: number, work: Promise<void>): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}
