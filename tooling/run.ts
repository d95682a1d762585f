import { randomInt } from 'node:crypto';
import { Client, escapeIdentifier } from 'pg';

/** One run of the tests on a server that others may be using too: everything it makes there has its prefix. */
export interface Run {
  readonly prefix: string;
  /** Removes what the run left behind, and throws naming it if there was anything. */
  end(): Promise<void>;
}

/** The advisory locks of runs: (this, number of the run). Held by the run's connection, so it is gone with the run. */
const lockClass = 0x6f6d6e69;
const names = /^omni_test_([0-9a-f]{8})_/;

export interface RunOptions {
  url: string;
  /** Nobody else uses the server: then whatever is new on it was left behind, named with the prefix or not. */
  exclusive: boolean;
}

/** Opens a run, having removed what earlier runs left that were killed before they could. */
export async function openRun({ url, exclusive }: RunOptions): Promise<Run> {
  const client = new Client({ connectionString: url, application_name: 'omnitenant tests' });
  client.on('error', () => {});
  await client.connect();
  try {
    const number = randomInt(1, 2 ** 31);
    const prefix = `omni_test_${number.toString(16).padStart(8, '0')}_`;
    await client.query('select pg_advisory_lock($1::int, $2::int)', [lockClass, number]);
    await sweep(client);
    const before = await inventory(client);
    const isLeft = (name: string) => name.startsWith(prefix) || (exclusive && !before.all.has(name));
    return {
      prefix,
      async end() {
        try {
          const after = await inventory(client);
          const databases = after.databases.filter(isLeft);
          const roles = after.roles.filter(isLeft);
          const connections = await connectionsTo(client, databases);
          await remove(client, databases, roles);
          const left = [
            ...databases.map((name) => `database "${name}"`),
            ...roles.map((name) => `role "${name}"`),
            ...connections.map((text) => `connection ${text}`),
          ];
          if (left.length > 0) throw new Error(`The tests left behind (removed now): ${left.join(', ')}.`);
        } finally {
          await client.end();
        }
      },
    };
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }
}

async function sweep(client: Client): Promise<void> {
  const { rows } = await client.query<{ number: string }>(
    `select objid::text as number from pg_locks where locktype = 'advisory' and classid = $1 and objsubid = 2`,
    [lockClass],
  );
  const running = new Set(rows.map((row) => Number(row.number).toString(16).padStart(8, '0')));
  function isOrphan(name: string) {
    const run = names.exec(name)?.[1];
    return run !== undefined && !running.has(run);
  }
  const { databases, roles } = await inventory(client);
  // Another run may be sweeping the same ones at this moment: what stays, the next run sweeps.
  for (const name of databases.filter(isOrphan)) await remove(client, [name], []).catch(() => {});
  for (const name of roles.filter(isOrphan)) await remove(client, [], [name]).catch(() => {});
}

async function inventory(client: Client) {
  const { rows } = await client.query<{ kind: 'database' | 'role'; name: string }>(
    `select 'database' as kind, datname as name from pg_database union all select 'role', rolname from pg_roles`,
  );
  const named = (kind: string) => rows.filter((row) => row.kind === kind).map((row) => row.name);
  return { databases: named('database'), roles: named('role'), all: new Set(rows.map((row) => row.name)) };
}

async function connectionsTo(client: Client, databases: string[]): Promise<string[]> {
  const { rows } = await client.query<{ text: string }>(
    `select format('to "%s" of "%s" (%s): %s', datname, application_name, coalesce(state, '?'), left(query, 80)) as text
       from pg_stat_activity where datname = any($1) and pid <> pg_backend_pid()`,
    [databases],
  );
  return rows.map((row) => row.text);
}

async function remove(client: Client, databases: string[], roles: string[]): Promise<void> {
  for (const name of databases) {
    const found = await client.query('select datistemplate from pg_database where datname = $1', [name]);
    if (found.rowCount === 0) continue;
    // A template of databases cannot be dropped as long as it is one. One whose dropping was cut short cannot be altered.
    if (found.rows[0].datistemplate) await client.query(`alter database ${escapeIdentifier(name)} is_template false`);
    await client.query(`drop database if exists ${escapeIdentifier(name)} with (force)`);
  }
  for (const name of roles) {
    await client.query(`drop owned by ${escapeIdentifier(name)}`);
    await client.query(`drop role if exists ${escapeIdentifier(name)}`);
  }
}
