import { mariadb, onMariadb, startMariadb } from '../services/mariadb.ts';
import { isPresent } from '../services/program.ts';
import { testName } from './name.ts';
import { opened } from './open.ts';

export interface TestMariadb extends AsyncDisposable {
  /** The server, as the user that may do everything. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** A name that no other test has, for a database. What begins with it goes with `drop`. */
  database(): string;
  /** Sends statements as that user, and returns the rows of the last one. */
  query(...statements: readonly string[]): Promise<Record<string, unknown>[]>;
  /** Removes the databases and users of these names. Rejects where a session of one of them is left. */
  drop(): Promise<void>;
}

/** Why tests that need a MariaDB are skipped, if they are: for their title. */
export async function noMariadb(): Promise<string | undefined> {
  const isThere = (await answers()) || (await isPresent('mariadbd', 'mariadb-server-core'));
  return isThere ? undefined : 'no MariaDB at MARIADB_URL or 127.0.0.1:3306, and no mariadbd';
}

async function answers(): Promise<boolean> {
  if (process.env.OMNITENANT_SERVICES === 'embedded') return false;
  const found = onMariadb(process.env.MARIADB_URL ?? 'mysql://root@127.0.0.1:3306', 'select 1');
  return found.then(
    () => true,
    () => false,
  );
}

/** A MariaDB, started when the machine has none. */
export async function testMariadb(): Promise<TestMariadb> {
  const service = await mariadb();
  const { hostname, port, username, password } = new URL(service.url);
  const names: string[] = [];

  const drop = opened(`MariaDB databases of this file (call drop())`, async () => {
    const left: string[] = [];
    for (const name of names) left.push(...(await dropAllOf(service.url, name)));
    await service.stop();
    if (left.length > 0) throw new Error(`The test left sessions open: ${left.join(', ')}`);
  });

  return {
    host: hostname,
    port: Number(port || 3306),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database() {
      const name = testName();
      names.push(name);
      return name;
    },
    query: (...statements) => onMariadb(service.url, ...statements),
    drop,
    [Symbol.asyncDispose]: drop,
  };
}

export interface TestMariadbServer extends AsyncDisposable {
  readonly port: number;
  /** Sends statements as root, and returns the rows of the last one. */
  query(...statements: readonly string[]): Promise<Record<string, unknown>[]>;
  /** Ends it, and the sessions of its clients with it, and starts it again with what was committed. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** A MariaDB server of the test's own, for what would disturb others. Its user is root, without a password. */
export async function testMariadbServer(): Promise<TestMariadbServer> {
  const { url, restart, stop: end } = await startMariadb();
  const stop = opened(`MariaDB server ${url} (call stop())`, end);
  return {
    port: Number(new URL(url).port),
    query: (...statements) => onMariadb(url, ...statements),
    restart: () => restart(),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Returns the sessions that were left. */
async function dropAllOf(url: string, name: string): Promise<string[]> {
  const isOf = (column: string) => `left(${column}, ${name.length}) = '${name}'`;
  const sessions = `select concat(user, ' in ', db) as text from information_schema.processlist where ${isOf('db')}`;
  let left = await onMariadb(url, sessions);
  // The server notices the end of a connection a moment after the client.
  for (let tries = 0; left.length > 0 && tries < 50; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    left = await onMariadb(url, sessions);
  }
  const users = await onMariadb(url, `select user as user, host as host from mysql.user where ${isOf('user')}`);
  const databases = await onMariadb(
    url,
    `select schema_name as name from information_schema.schemata where ${isOf('schema_name')}`,
  );
  await onMariadb(
    url,
    'set session lock_wait_timeout = 5',
    ...users.map(({ user, host }) => `drop user \`${user}\`@\`${host}\``),
    ...databases.map((each) => `drop database \`${each.name}\``),
  );
  return left.map(({ text }) => String(text));
}
