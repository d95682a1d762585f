import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';

/** What a run of the tests has made on a MariaDB that others may be using too. */
export interface MariadbRun {
  /** Removes what the run left behind, and throws naming it if there was anything. */
  end(): Promise<void>;
}

const names = /^omni_test_[0-9a-f]{8}_/;

/** Opens a run on the server that is there already, having removed what earlier runs left that were killed; without a server there is none. */
export async function openMariadbRun(prefix: string): Promise<MariadbRun | undefined> {
  if (process.env.OMNITENANT_SERVICES === 'embedded') return undefined;
  const uri = process.env.MARIADB_URL ?? 'mysql://root@127.0.0.1:3306';
  const client = await createConnection({ uri, connectTimeout: 3_000 }).catch(() => undefined);
  if (client === undefined) return undefined;
  client.on('error', () => {});
  // Held by the run's connection, so it is gone with the run.
  await client.query('select get_lock(?, 0)', [prefix]);
  await sweep(client);
  return {
    async end() {
      try {
        const left = (await inventory(client)).filter(({ name }) => name.startsWith(prefix));
        for (const each of left) await client.query(each.drop);
        const named = left.map(({ kind, name }) => `${kind} "${name}"`);
        if (left.length > 0) throw new Error(`The tests left behind in MariaDB (removed now): ${named.join(', ')}.`);
      } finally {
        await client.end();
      }
    },
  };
}

async function sweep(client: Connection): Promise<void> {
  for (const { name, drop } of await inventory(client)) {
    const run = names.exec(name)?.[0];
    if (run === undefined) continue;
    const [rows] = await client.query<RowDataPacket[]>('select is_free_lock(?) as is_free', [run]);
    // Another run may be sweeping the same ones at this moment: what stays, the next run sweeps.
    if (rows[0]?.is_free === 1) await client.query(drop).catch(() => {});
  }
}

async function inventory(client: Connection) {
  const [databases] = await client.query<RowDataPacket[]>(
    'select schema_name as name from information_schema.schemata',
  );
  const [users] = await client.query<RowDataPacket[]>('select user as name, host as host from mysql.user');
  return [
    ...databases.map(({ name }) => ({
      kind: 'database',
      name: String(name),
      drop: `drop database if exists \`${name}\``,
    })),
    ...users.map(({ name, host }) => ({
      kind: 'user',
      name: String(name),
      drop: `drop user if exists \`${name}\`@\`${host}\``,
    })),
  ];
}
