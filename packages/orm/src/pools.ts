import { currentScope } from '@omnitenant/core';
import { PooledClient } from './pooled-client.ts';
import { unavailable } from './server-errors.ts';
import type { Database, QueryResult, SqlClient, SqlPool } from './sql-pool.ts';

/** The pools of an application: one for each database in use, shared by all who are placed in it, opened on first use. */
export interface Pools {
  /**
   * Checks out a connection.
   *
   * @throws SERVER_UNAVAILABLE when the server cannot be reached or refuses; and its statements when it is gone by then.
   */
  connect(database: Database): Promise<SqlClient>;
  /** Sends SQL that belongs to no tenant, such as the making of a schema, and gives back the last statement's rows. */
  query(database: Database, sql: string): Promise<QueryResult['rows']>;
  /** Closes one database's pool, as before the database is dropped. It opens again on its next use. */
  close(database: Database): Promise<void>;
  /** Closes all of them, for good. */
  end(): Promise<void>;
}

/** Opens a pool; `onEmpty` is called when its last connection has been closed. */
export type OpenPool = (database: Database, onEmpty: () => void) => SqlPool;

export const createPools = (open: OpenPool): Pools => {
  const pools = new Map<string, OpenedPool>();
  let ended = false;

  const poolOf = (database: Database): OpenedPool => {
    const key = keyOf(database);
    const known = pools.get(key);
    if (known) return known;
    const opened: OpenedPool = { database, pool: open(database, () => discard(opened)), waiting: new Set() };
    pools.set(key, opened);
    return opened;
  };

  // An idle database keeps neither a socket nor a pool.
  const discard = (opened: OpenedPool): void => {
    const key = keyOf(opened.database);
    if (pools.get(key) !== opened) return;
    pools.delete(key);
    void opened.pool.end();
  };

  const connect = (database: Database): Promise<SqlClient> => {
    const { promise, resolve, reject } = Promise.withResolvers<SqlClient>();
    const opened = ended ? undefined : poolOf(database);
    if (!opened) return Promise.reject(unavailable(database, closed()));
    const { pool, waiting } = opened;
    // Who closes a pool refuses for those that wait, in a scope of its own.
    const scope = currentScope();
    const refuse = (error: unknown): void => {
      waiting.delete(refuse);
      if (pool.totalCount === 0 && waiting.size === 0) discard(opened);
      reject(unavailable(database, error, scope));
    };
    // A pool that has been ended forgets who waits, so that they are kept here.
    waiting.add(refuse);
    pool.connect().then((client) => {
      if (waiting.delete(refuse)) resolve(new PooledClient(client, database));
      else client.release();
    }, refuse);
    return promise;
  };

  return {
    connect,
    query: async (database, sql) => {
      const client = await connect(database);
      try {
        const result = await client.query(sql);
        return (Array.isArray(result) ? result.at(-1) : result)?.rows ?? [];
      } finally {
        client.release();
      }
    },
    close: async (database) => {
      const opened = pools.get(keyOf(database));
      pools.delete(keyOf(database));
      if (opened) await within(patience, close(opened));
    },
    end: async () => {
      ended = true;
      const all = [...pools.values()];
      pools.clear();
      await Promise.all(all.map(close));
    },
  };
};

interface OpenedPool {
  readonly database: Database;
  readonly pool: SqlPool;
  /** Those who wait for a connection, each by what refuses it. */
  readonly waiting: Set<(error: Error) => void>;
}

/** How long a database that is to be dropped waits for what runs in it, in milliseconds: then that is cut off. */
const patience = 3_000;

const close = ({ pool, waiting }: OpenedPool): Promise<void> => {
  for (const refuse of waiting) refuse(closed());
  waiting.clear();
  return pool.end();
};

const closed = (): Error => new Error('its connections have been closed');

const within = async (ms: number, work: Promise<void>): Promise<void> => {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
};

const keys = new WeakMap<Database, string>();

const keyOf = (database: Database): string => {
  const known = keys.get(database);
  if (known !== undefined) return known;
  const key = JSON.stringify([database.server, database.database]);
  keys.set(database, key);
  return key;
};
