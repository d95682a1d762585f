import { TenancyError } from '@omnitenant/core';
import { createPool, type PoolConnection, type ResultSetHeader } from 'mysql2/promise';
import type { ServerOptions } from '../sessions/wire.ts';
import { quoteName } from '../sql/quote.ts';

type Value = string | number | null | readonly (string | number)[];

/** What statements of central, and those that create and drop tenants' databases, are sent with. */
export interface AdminSession {
  all<Row extends object>(sql: string, ...values: readonly Value[]): Promise<Row[]>;
  get<Row extends object>(sql: string, ...values: readonly Value[]): Promise<Row | undefined>;
  /** Returns how many rows it found to change. */
  run(sql: string, ...values: readonly Value[]): Promise<number>;
}

/** The application's own login. No tenant's scope ever has one of its connections. */
export interface Admin extends AdminSession {
  /** Sends what is done as a whole or not at all. */
  transaction<R>(work: (session: AdminSession) => Promise<R>): Promise<R>;
  end(): Promise<void>;
}

export interface AdminOptions {
  readonly server: ServerOptions;
  readonly user: string;
  readonly password: string;
  /** What statements are about that name no database: central's. */
  readonly database: string;
}

/** Waits are bounded: a tenant's session may hold a lock on what is to be dropped. */
const settings: readonly string[] = [
  'set session transaction isolation level read committed',
  "set session sql_mode = 'STRICT_ALL_TABLES', time_zone = '+00:00', " +
    'lock_wait_timeout = 15, innodb_lock_wait_timeout = 15, autocommit = 1',
];

/** MariaDB's error for a transaction that it has rolled back, so that another one goes on. It is tried again this many times. */
const deadlock = 1213;
const deadlocksBorne = 5;

/** Connects on first use. `prepare` is called before anything else is sent. */
export function openAdmin(
  { server, user, password, database }: AdminOptions,
  prepare: (session: AdminSession) => Promise<void>,
): Admin {
  const pool = createPool({
    ...server,
    ...{ user, password },
    // What is big is a string otherwise, and what is a date is none.
    ...{ supportBigNumbers: true, decimalNumbers: true, dateStrings: true, jsonStrings: true },
    connectionLimit: 4,
    multipleStatements: false,
  });
  const isSet = new WeakSet<object>();
  let preparing: Promise<void> | undefined;
  let isEnded = false;

  async function using<R>(work: (session: AdminSession, connection: PoolConnection) => Promise<R>): Promise<R> {
    if (isEnded) throw new TenancyError('STORE_UNAVAILABLE', 'The tenancy is closed.');
    const connection = await pool.getConnection();
    try {
      return await work(sessionOf(connection), connection);
    } finally {
      connection.release();
    }
  }

  async function ready(): Promise<void> {
    preparing ??= using(async (session) => {
      for (const sql of settings) await session.run(sql);
      await prepare(session);
    }).catch((error: unknown) => {
      preparing = undefined;
      throw error;
    });
    await preparing;
  }

  async function alone<R>(work: (session: AdminSession, connection: PoolConnection) => Promise<R>): Promise<R> {
    await ready();
    return using(async (session, connection) => {
      if (!isSet.has(connection.connection)) {
        for (const sql of settings) await session.run(sql);
        await session.run(`use ${quoteName(database)}`);
        isSet.add(connection.connection);
      }
      return work(session, connection);
    });
  }

  return {
    all: (sql, ...values) => alone((session) => session.all(sql, ...values)),
    get: (sql, ...values) => alone((session) => session.get(sql, ...values)),
    run: (sql, ...values) => alone((session) => session.run(sql, ...values)),

    async transaction(work) {
      for (let left = deadlocksBorne; ; left -= 1) {
        try {
          return await alone((session, connection) => inTransaction(connection, () => work(session)));
        } catch (error) {
          if (left === 0 || (error as { errno?: number }).errno !== deadlock) throw error;
        }
      }
    },

    async end() {
      isEnded = true;
      await pool.end();
    },
  };
}

async function inTransaction<R>(connection: PoolConnection, work: () => Promise<R>): Promise<R> {
  await connection.query('start transaction');
  try {
    const result = await work();
    await connection.query('commit');
    return result;
  } catch (error) {
    await connection.query('rollback').catch(() => connection.destroy());
    throw error;
  }
}

function sessionOf(connection: PoolConnection): AdminSession {
  async function query(sql: string, values: readonly Value[]): Promise<unknown> {
    try {
      const [result] = await connection.query(sql, values.length === 0 ? undefined : [...values]);
      return result;
    } catch (error) {
      // The text may have a digest of a password.
      delete (error as { sql?: unknown }).sql;
      throw error;
    }
  }
  const all = async <Row extends object>(sql: string, ...values: readonly Value[]) =>
    (await query(sql, values)) as Row[];
  return {
    all,
    get: async <Row extends object>(sql: string, ...values: readonly Value[]) => (await all<Row>(sql, ...values))[0],
    run: async (sql, ...values) => ((await query(sql, values)) as ResultSetHeader).affectedRows,
  };
}
