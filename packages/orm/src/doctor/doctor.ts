import type { Options } from '@mikro-orm/core';
import { TenancyError } from '@omnitenant/core';
import { DefaultTenant } from '../central/tenant-entity.ts';
import { openPool } from '../connections/pg.ts';
import { unavailable } from '../connections/server-errors.ts';
import { initBaseOrm, serverOf } from '../mikro-orm/base-orm.ts';
import { defaultServer } from '../placement/placement.ts';
import { pinnedPool, pinOf } from '../session/pinned-pool.ts';
import type { QueryResult, SqlClient, SqlPool } from '../sql/client.ts';
import { type Pooler, probePooler, probeSessionState } from './pooler-probe.ts';
import { probeRole, probeServer, type RoleFacts, type ServerFacts } from './server-probe.ts';

/** What was found out about the configured database. It holds no credentials. */
export interface DoctorReport {
  readonly database: string;
  readonly pooler: Pooler;
  /** Whether each of so many interleaved statements, of as many tenants as clients, was where its tenant is. */
  readonly pin: { readonly holds: boolean; readonly statements: number };
  /** Whether what a client sets for its session stays its own. omnitenant does not lean on it; other code may. */
  readonly sessionState: 'kept' | 'lost' | 'leaks';
  readonly server: ServerFacts;
  readonly role: RoleFacts;
}

/** How thoroughly the doctor looks. */
export interface DoctorOptions {
  /** How many clients ask at once: more than the pooler has connections, so that they must share them. Default: 12. */
  readonly clients?: number;
  /** How long a client waits for a connection, in milliseconds. Default: 2000. */
  readonly patience?: number;
}

/**
 * Examines the database that a MikroORM configuration leads to: what pooler is in between, whether tenants stay apart
 * through it, and what the role may do. It changes nothing.
 *
 * @throws SERVER_UNAVAILABLE when it cannot be reached or refuses; CONFIG_INVALID for PGlite, which is no server.
 *
 * @example
 * const report = await doctor(defineConfig({ clientUrl: process.env.DATABASE_URL }));
 * console.log(formatDoctorReport(report));
 */
export async function doctor(
  config: Partial<Options>,
  { clients: wanted = 12, patience = 2_000 }: DoctorOptions = {},
): Promise<DoctorReport> {
  const base = await initBaseOrm({ ...config, entities: [DefaultTenant] } as Options, () => undefined);
  if (serverOf(base).isEmbedded) throw notAServer();
  const database = base.config.get('dbName') as string;
  const open = (dbName: string): SqlPool =>
    openPool(base, { ...(config.driverOptions as object), max: wanted, connectionTimeoutMillis: patience }, { dbName });

  const pool = open(database);
  try {
    const clients = await checkOut(pool, wanted, patience).catch((error: unknown) => {
      throw unavailable({ server: defaultServer, database }, error);
    });
    try {
      const [first] = clients as [SqlClient];
      const server = await probeServer(first);
      const role = await probeRole(first);
      const pooler = await probePooler(clients, (name = database) => open(name));
      const sessionState = await probeSessionState(clients);
      // The last, as a pooler that lends by statement ends the connection of whoever begins a transaction.
      return { database, pooler, pin: await probePin(clients), sessionState, server, role };
    } catch (error) {
      throw unavailable({ server: defaultServer, database }, error);
    } finally {
      for (const client of clients) client.release(true);
    }
  } finally {
    await pool.end();
  }
}

/** As many clients as get an answer in time: a pooler in session mode lets the others wait. At least one. */
async function checkOut(pool: SqlPool, wanted: number, patience: number): Promise<SqlClient[]> {
  const attempts = await Promise.allSettled(
    Array.from({ length: wanted }, async () => {
      const client = await pool.connect();
      const { promise: late, reject } = Promise.withResolvers<never>();
      const timer = setTimeout(reject, patience, new Error('it gives no connection in time'));
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

/** Each client is a tenant of its own, in single statements and in transactions, all at once and in turn. */
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

/** The client, to whoever must not give it back. */
function lent(client: SqlClient): SqlClient {
  return {
    query: client.query.bind(client) as SqlClient['query'],
    getTransactionStatus: () => client.getTransactionStatus(),
    release: () => {},
  };
}

function notAServer(): TenancyError {
  return new TenancyError(
    'CONFIG_INVALID',
    'PGlite runs in this process: it has no server, pooler or role to examine.',
  );
}
