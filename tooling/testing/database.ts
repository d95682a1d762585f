import { setTimeout as sleep } from 'node:timers/promises';
import { Client, escapeIdentifier } from 'pg';
import { testName } from './name.ts';
import { opened } from './open.ts';
import { testServer } from './server.ts';

export interface TestDatabase extends AsyncDisposable {
  readonly name: string;
  /** Its URL, as the role that may do everything. */
  readonly url: string;
  /** Drops it. Rejects when someone is still connected to it: a test closes what it opens. */
  drop(): Promise<void>;
}

export interface TestDatabaseOptions {
  /** The name of a database that it begins as a copy of. Nobody may be connected to that one. */
  template?: string;
}

/** An empty PostgreSQL database of the test's own. */
export async function testDatabase({ template = 'template0' }: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const name = testName();
  await onServer((client) =>
    client.query(`create database ${escapeIdentifier(name)} template ${escapeIdentifier(template)}`),
  );
  const drop = opened(`database "${name}" (call drop())`, () => onServer((client) => dropDatabase(client, name)));
  const url = new URL(testServer().url);
  url.pathname = `/${name}`;
  return { name, url: url.href, drop, [Symbol.asyncDispose]: drop };
}

async function dropDatabase(client: Client, name: string): Promise<void> {
  let connected = await connections(client, name);
  // The server notices the end of a connection a moment after the client.
  for (let tries = 0; connected.length > 0 && tries < 50; tries++) {
    await sleep(20);
    connected = await connections(client, name);
  }
  await client.query(`drop database if exists ${escapeIdentifier(name)} with (force)`);
  // The databases that copies were made of stay when the copies go.
  const templates = await client.query<{ name: string }>(
    'select datname as name from pg_database where starts_with(datname, $1) and datistemplate',
    [`${name}_template_`],
  );
  for (const template of templates.rows) {
    await client.query(`alter database ${escapeIdentifier(template.name)} is_template false`);
    await client.query(`drop database ${escapeIdentifier(template.name)}`);
  }
  if (connected.length > 0) {
    throw new Error(`The test left ${connected.length} connections open, the last queries: ${connected.join(' | ')}`);
  }
}

async function connections(client: Client, name: string): Promise<string[]> {
  const { rows } = await client.query<{ text: string }>(
    `select coalesce(nullif(left(query, 100), ''), 'none') as text
       from pg_stat_activity where datname = $1 and backend_type = 'client backend'`,
    [name],
  );
  return rows.map((row) => row.text);
}

async function onServer(work: (client: Client) => Promise<unknown>): Promise<void> {
  const client = new Client({ connectionString: testServer().url });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
