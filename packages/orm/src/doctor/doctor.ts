import type { Options } from '@mikro-orm/core';
import { TenancyError } from '@omnitenant/core';
import { DefaultTenant } from '../central/tenant-entity.ts';
import { openPool } from '../connections/pg.ts';
import { unavailable } from '../connections/server-errors.ts';
import { initBaseOrm, serverOf } from '../mikro-orm/base-orm.ts';
import { defaultServer } from '../placement/placement.ts';
import { pinOf } from '../session/pin.ts';
import { pinnedPool } from '../session/pinned-pool.ts';
import type { Database, QueryResult, SqlClient, SqlConnection, SqlPool } from '../sql/client.ts';
import { type Pooler, probePooler, probeSessionState } from './pooler-probe.ts';
import { probeRole, probeServer, type RoleFacts, type ServerFacts } from './server-probe.ts';

/** The doctor's report on the configured database. It contains no credentials. */
export interface DoctorReport {
  readonly database: string;
  readonly pooler: Pooler;
  /** Whether each of the interleaved statements, of one tenant per client, ran in its own tenant. */
  readonly pin: { readonly holds: boolean; readonly statements: number };
  /** Whether a client's session settings stay its own. omnitenant does not rely on it; other code may. */
  readonly sessionState: 'kept' | 'lost' | 'leaks';
  readonly server: ServerFacts;
  readonly role: RoleFacts;
}

/** The doctor's options. */
export interface DoctorOptions {
  /** The number of concurrent clients: more than the pooler has connections, so that they must share. Default: 12. */
  readonly clients?: number | undefined;
  /** How long a client waits for a connection, in milliseconds. Default: 2000. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Examines the database of a MikroORM configuration: which pooler is used, whether the isolation holds through it, and the privileges of
 * the role. It changes nothing.
 *
 * @throws SERVER_UNAVAILABLE when it cannot be reached or refuses; CONFIG_INVALID for PGlite, which is not a server.
 *
 * @example
 * const report = await doctor(defineConfig({ clientUrl: process.env.DATABASE_URL }));
 * console.log(formatDoctorReport(report));
 */
export async function doctor(config: Partial<Options>, options: DoctorOptions = {}): Promise<DoctorReport> {
  const base = await initBaseOrm({ ...config, entities: [DefaultTenant] } as Options, () => undefined);
  if (serverOf(base).isEmbedded) throw notAServer();
  const database = base.config.get('dbName') as string;
  return examineDatabase(
    (dbName, limits) => openPool(base, { ...(config.driverOptions as object), ...limits }, { dbName }),
    { server: defaultServer, database },
    options,
  );
}

/** Opens a pool to a database of the server that is examined. */
export type OpenExamined = (
  database: string,
  limits: { readonly max: number; readonly connectionTimeoutMillis: number },
) => SqlPool;

/** Examines one database. */
export async function examineDatabase(
  open: OpenExamined,
  target: Database,
  { clients: wanted = 12, timeoutMs = 2_000 }: DoctorOptions = {},
): Promise<DoctorReport> {
  const { database } = target;
  const limits = { max: wanted, connectionTimeoutMillis: timeoutMs };
  const pool = open(database, limits);
  try {
    const clients = await checkOut(pool, wanted, timeoutMs).catch((error: unknown) => {
      throw unavailable(target, error);
    });
    try {
      const [first] = clients as [SqlClient];
      const server = await probeServer(first);
      const role = await probeRole(first);
      const pooler = await probePooler(clients, (name = database) => open(name, limits));
      const sessionState = await probeSessionState(clients);
      // This comes last: a pooler that lends by statement ends the connection of a client that begins a transaction.
      return { database, pooler, pin: await probePin(clients), sessionState, server, role };
    } catch (error) {
      throw unavailable(target, error);
    } finally {
      for (const client of clients) client.release(true);
    }
  } finally {
    await pool.end();
  }
}

/** The clients that get an answer in time, at least one: a pooler in session mode lets the others wait. */
async function checkOut(pool: SqlPool, wanted: number, timeoutMs: number): Promise<SqlClient[]> {
  const attempts = await Promise.allSettled(
    Array.from({ length: wanted }, async () => {
      const client = await pool.connect();
      const { promise: late, reject } = Promise.withResolvers<never>();
      const timer = setTimeout(reject, timeoutMs, new Error('it did not answer in time'));
      try {
        await Promise.race([client.query('select 1'), late]);
        return client;
      } catch (error) {
        client.release(true);
        throw error;
      } finally {
        clearTimeout(timer);
      }
    }),
  );
  const clients = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []));
  if (clients.length > 0) return clients;
  throw attempts.find((attempt) => attempt.status === 'rejected')?.reason;
}

/** Runs single statements and transactions of all clients at once, each client as a different tenant. */
async function probePin(clients: readonly SqlClient[]): Promise<DoctorReport['pin']> {
  const rounds = 8;
  const ask = `select current_setting('search_path') as path, current_setting('omnitenant.tenant') as tenant`;
  const outcomes = await Promise.all(
    clients.map(async (client, n) => {
      const tenant = `doctor_${n}`;
      const pin = pinOf({ server: defaultServer, database: '', schema: tenant }, { rowsOf: tenant });
      const pinned = await pinnedPool(
        { options: {}, connect: async () => lent(client), end: async () => {} },
        pin,
      ).connect();
      const own: boolean[] = [];
      for (let round = 0; round < rounds; round += 1) {
        for (const sql of [ask, 'begin', ask, ask, 'commit']) {
          const result = await pinned.query(sql).catch(() => undefined);
          const row = (result as QueryResult | undefined)?.rows?.[0];
          if (sql === ask) own.push(row?.path === `${tenant}, pg_temp` && row.tenant === tenant);
        }
      }
      return own;
    }),
  );
  const all = outcomes.flat();
  return { holds: all.every(Boolean), statements: all.length };
}

/** The client, for a pool that must not release it. */
function lent(client: SqlClient): SqlClient {
  const { send } = client as unknown as Pick<SqlConnection, 'send'>;
  return {
    send: (statement) =>
      new Promise((resolve, reject) => {
        send.call(client, statement, (error, result) => (error ? reject(error) : resolve(result as QueryResult)));
      }),
    query: client.query.bind(client) as SqlClient['query'],
    getTransactionStatus: () => client.getTransactionStatus(),
    release: () => {},
  };
}

export function notAServer(): TenancyError {
  return new TenancyError(
    'CONFIG_INVALID',
    'PGlite runs in this process: there is no server, pooler or role to examine.',
  );
}
