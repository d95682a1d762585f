import { TenancyError } from '@omnitenant/core';
import type { QueryResult, SqlClient, SqlPool } from './sql-pool.ts';

/** One database of one server. */
export interface Database {
  readonly server: string;
  readonly database: string;
}

/** The pools of an application: one for each database in use, shared by all who are placed in it, opened on first use. */
export interface Pools {
  /**
   * Checks out a connection.
   *
   * @throws SERVER_UNAVAILABLE when the server cannot be reached or refuses.
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
  const pools = new Map<string, SqlPool>();
  let ended = false;

  const poolOf = (database: Database): SqlPool => {
    if (ended) throw new TenancyError('SERVER_UNAVAILABLE', 'The tenancy is closed, and its connections with it.');
    const key = keyOf(database);
    const known = pools.get(key);
    if (known) return known;
    const pool: SqlPool = open(database, () => {
      // An idle database keeps neither a socket nor a pool.
      if (pools.get(key) === pool) {
        pools.delete(key);
        void pool.end();
      }
    });
    pools.set(key, pool);
    return pool;
  };

  const connect = async (database: Database): Promise<SqlClient> => {
    try {
      return await poolOf(database).connect();
    } catch (error) {
      throw unavailable(database, error);
    }
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
      const pool = pools.get(keyOf(database));
      pools.delete(keyOf(database));
      await pool?.end();
    },
    end: async () => {
      ended = true;
      const all = [...pools.values()];
      pools.clear();
      await Promise.all(all.map((pool) => pool.end()));
    },
  };
};

const keyOf = ({ server, database }: Database): string => JSON.stringify([server, database]);

const unavailable = ({ server, database }: Database, error: unknown): TenancyError => {
  if (error instanceof TenancyError) return error;
  const { code, message } = error as { code?: string; message?: string };
  const reason = reasons[code ?? ''] ?? message ?? String(error);
  return new TenancyError(
    'SERVER_UNAVAILABLE',
    `The database '${database}' of the server '${server}' cannot be used: ${reason}.`,
    {
      cause: error,
    },
  );
};

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing answers at its address (ECONNREFUSED)',
  ENOTFOUND: 'its host name is not known (ENOTFOUND)',
  ETIMEDOUT: 'it did not answer in time (ETIMEDOUT)',
  '28P01': 'it refuses the user or password (28P01)',
  '28000': 'it refuses the user (28000)',
  '3D000': 'there is no such database (3D000)',
  '53300': 'it has no connection left to give (53300)',
  '57P03': 'it is starting up or shutting down (57P03)',
};
