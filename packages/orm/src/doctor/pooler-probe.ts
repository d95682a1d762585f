import type { QueryResult, SqlClient, SqlPool } from '../sql/client.ts';

/** The connection pooler between the application and PostgreSQL, if any. */
export interface Pooler {
  /** `none` for a direct connection; else how long a client keeps its server connection. */
  readonly kind: 'none' | 'session' | 'transaction' | 'statement';
  /** The pooler's own name and version, if it reports them: `PgBouncer 1.18.0`. */
  readonly product?: string;
  /** The number of clients that queried at once. */
  readonly clients: number;
  /** The number of server connections that served them. */
  readonly serverConnections: number;
}

/** Identifies the pooler by its behaviour; `open` opens another pool, to this database or to the one named. */
export async function probePooler(
  clients: readonly SqlClient[],
  open: (database?: string) => SqlPool,
): Promise<Pooler> {
  const seen = await Promise.all(clients.map((client) => backendsOf(client)));
  const serverConnections = new Set(seen.flat()).size;
  const found = { clients: clients.length, serverConnections };
  // PostgreSQL names the process that serves a connection as it opens; a pooler names one of its own.
  if (clients.every(({ processID }, n) => seen[n]?.every((pid) => pid === processID)))
    return { kind: 'none', ...found };
  // PgBouncer has an admin database of this name.
  const product = await on(
    open('pgbouncer'),
    async (client) => (await rowOf(client, 'show version')).version as string,
  );
  const moves = seen.some((pids) => new Set(pids).size > 1) || serverConnections < clients.length;
  const facts = { ...(product !== undefined && { product }), ...found };
  if (!moves) return { kind: 'session', ...facts };
  const transactions = await on(open(), async (client) => [await client.query('begin'), await client.query('commit')]);
  return { kind: transactions ? 'transaction' : 'statement', ...facts };
}

/** Sets a value in each client's session, then checks under concurrent use whether each client still sees its own. */
export async function probeSessionState(clients: readonly SqlClient[]): Promise<'kept' | 'lost' | 'leaks'> {
  await Promise.all(clients.map((client, n) => client.query(`set omnitenant.doctor to 'of ${n}'`)));
  const seen = await Promise.all(
    clients.map(async (client) => {
      const values: unknown[] = [];
      for (let round = 0; round < rounds; round += 1) values.push((await rowOf(client, readState)).value);
      return values;
    }),
  );
  for (let round = 0; round < rounds; round += 1) {
    await Promise.all(clients.map((client) => client.query('reset omnitenant.doctor')));
  }
  const others = seen.flatMap((values, n) => values.filter((value) => value !== `of ${n}`));
  if (others.length === 0) return 'kept';
  return others.some(Boolean) ? 'leaks' : 'lost';
}

const rounds = 6;
// The pause makes the clients' queries overlap.
const readState = `select nullif(current_setting('omnitenant.doctor', true), '') as value, pg_sleep(0.005)`;

async function backendsOf(client: SqlClient): Promise<number[]> {
  const pids: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    pids.push((await rowOf(client, 'select pg_backend_pid() as pid, pg_sleep(0.005)')).pid as number);
  }
  return pids;
}

/** The result of work on one connection; `undefined` if it fails. */
async function on<R>(pool: SqlPool, work: (client: SqlClient) => Promise<R>): Promise<R | undefined> {
  try {
    const client = await pool.connect();
    return await work(client).finally(() => client.release(true));
  } catch {
    return undefined;
  } finally {
    await pool.end();
  }
}

/** The first row of a statement. */
export async function rowOf(client: SqlClient, sql: string): Promise<Record<string, unknown>> {
  return ((await client.query(sql)) as QueryResult).rows[0] ?? {};
}
