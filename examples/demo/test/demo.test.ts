import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type TestPostgresServer, testPostgresServer } from '@omnitenant/tooling';
import { ask } from '@omnitenant/tooling/http-client';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, test, vi } from 'vitest';

const main = new URL('../src/main.ts', import.meta.url).pathname;
// To start PGlite alone takes a busy machine half a minute.
const timeout = 300_000;

describe('on PGlite', () => {
  test('it answers each request from its own tenant, and ends by itself', { timeout }, async () => {
    const { stdout, stderr } = await demo({}, '--json', '--requests', '60');
    assert.equal(stderr, '');
    checkTour(JSON.parse(stdout), ['schema', 'schema', 'schema', 'schema']);
  });

  test('it prints a report for people, without colours where nobody looks', { timeout }, async () => {
    const { stdout } = await demo({});
    assert.match(stdout, /acme\.localhost +subdomain +200 +Reusable fairing, for Lunar Freight/);
    assert.match(stdout, /drift\.localhost +suspended +403/);
    assert.match(stdout, /✔ \d+ rows looked at, each its own tenant’s; 0 foreign\./);
    assert.ok(!stdout.includes('\u001b'));
  });

  test('with --serve it shows the pages, the dashboard and what a leak comes to, until it is interrupted', {
    timeout,
  }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'omnitenant-'));
    const child = start({ TMPDIR: folder }, '--serve', '--port', '0');
    const exit = once(child, 'exit');
    const port = await servedPort(child);
    const page = async (method: string, url: string) =>
      String((await ask(Number(port), [method, url], { headers: { accept: 'text/html' } })).body);
    assert.match(await page('GET', 'localhost/'), /href="http:\/\/bloom\.localhost/);
    assert.match(await page('GET', 'bloom.localhost/'), /Roof terrace/);
    const leak = await page('POST', 'bloom.localhost/leak');
    assert.match(leak, /PostgreSQL: permission denied for schema t_acme/);
    assert.match(leak, /PostgreSQL: permission denied for schema central/);
    assert.doesNotMatch(leak, /Vibration test|Drop test/);
    assert.match(await page('GET', 'localhost/admin/'), /<script type="module" src="main-/);
    const { body } = await ask(Number(port), ['GET', 'localhost/admin/api/v1/fleet']);
    assert.equal((body as { total: number }).total, 4);
    assert.equal((await ask(Number(port), ['GET', 'bloom.localhost/admin/'])).status, 404);
    child.kill('SIGINT');
    assert.deepEqual(await exit, [0, null]);
    assert.deepEqual(await readdir(folder), []);
    await rm(folder, { recursive: true });
  });
});

test('--help says what there is', async () => {
  assert.match((await demo({}, '--help')).stdout, /demo --serve/);
});

test('an option that it does not have is refused in one sentence', async () => {
  await assert.rejects(demo({}, '--sreve'), ({ code, stderr }: { code: number; stderr: string }) => {
    assert.equal(code, 1);
    assert.match(stderr, /--sreve/);
    return true;
  });
});

describe('on PostgreSQL', () => {
  // Of its own: the demo's databases have names that are always the same.
  let server: TestPostgresServer;
  beforeAll(async () => {
    server = await testPostgresServer();
  }, timeout);
  afterAll(() => server?.stop());

  test('it gives one company a database, and leaves nothing behind', { timeout }, async () => {
    const { stdout } = await demo({ DATABASE_URL: server.url }, '--json');
    checkTour(JSON.parse(stdout), ['schema', 'schema', 'database', 'schema']);
    assert.deepEqual(await databases(server.url), []);
    assert.deepEqual(await roles(server.url), []);
  });

  test('it keeps what the dashboard exports, and clears up what a run that was killed has left', {
    timeout,
  }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'omnitenant-'));
    const child = start({ DATABASE_URL: server.url, TMPDIR: folder }, '--serve', '--port', '0');
    try {
      const archive = await exported(Number(await servedPort(child)), 'bloom');
      assert.ok((await readdir(folder, { recursive: true })).some((file) => file.endsWith(archive)));
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
      await rm(folder, { recursive: true });
    }
    assert.deepEqual(await databases(server.url), ['omnitenant_demo', 'omnitenant_demo_cobalt']);
    assert.notDeepEqual(await roles(server.url), []);
    await demo({ DATABASE_URL: server.url });
    assert.deepEqual(await databases(server.url), []);
    assert.deepEqual(await roles(server.url), []);
  });

  test('it leaves alone a database that it has not made', { timeout }, async () => {
    await query(server.url, 'create database omnitenant_demo');
    try {
      await assert.rejects(demo({ DATABASE_URL: server.url }), /has not made, so it is left alone/);
      assert.deepEqual(await databases(server.url), ['omnitenant_demo']);
    } finally {
      await query(server.url, 'drop database omnitenant_demo');
    }
  });
});

interface Summary {
  readonly ok: boolean;
  readonly isolations: readonly string[];
  readonly crowd: { readonly requests: number; readonly scopesAtOnce: number };
  readonly doors: readonly { readonly status: number; readonly tenant?: string }[];
  readonly refusals: readonly { readonly code: string }[];
  readonly proof: readonly {
    readonly tenant: string;
    readonly requests: number;
    readonly rowsRead: number;
    readonly rowsWritten: number;
    readonly foreignRows: number;
  }[];
  readonly faults: readonly string[];
}

function checkTour(tour: Summary, isolations: readonly string[]): void {
  assert.deepEqual(tour.faults, []);
  assert.equal(tour.ok, true);
  assert.deepEqual(tour.isolations, isolations);
  assert.deepEqual(
    tour.doors.map(({ status }) => status),
    [200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 403, 404, 404, 400],
  );
  assert.ok(tour.crowd.scopesAtOnce > 5, `only ${tour.crowd.scopesAtOnce} scopes were open together`);
  assert.deepEqual(
    tour.proof.map(({ tenant }) => tenant),
    ['acme', 'bloom', 'cobalt'],
  );
  for (const { requests, rowsRead, rowsWritten, foreignRows } of tour.proof) {
    assert.ok(requests > 10 && rowsRead > 50 && rowsWritten > 0);
    assert.equal(foreignRows, 0);
  }
  assert.deepEqual(
    tour.refusals.map(({ code }) => code),
    ['OUTSIDE_SCOPE', 'ENTITY_OUT_OF_SCOPE', 'SCHEMA_REFUSED', 'TENANT_SUSPENDED'],
  );
}

const command = ['--conditions=@omnitenant/source', main] as const;

function environment(variables: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { DATABASE_URL, FORCE_COLOR, NODE_OPTIONS, ...rest } = process.env;
  return { ...rest, ...variables };
}

function demo(variables: NodeJS.ProcessEnv, ...args: readonly string[]) {
  return promisify(execFile)(process.execPath, [...command, ...args], { env: environment(variables) });
}

function start(variables: NodeJS.ProcessEnv, ...args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [...command, ...args], {
    env: environment(variables),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** Exports a company by the dashboard's API. Returns the name of the archive. */
async function exported(port: number, id: string): Promise<string> {
  const api = 'localhost/admin/api/v1';
  const { body: begun } = await ask(port, ['POST', `${api}/tenants/${id}/export`], { body: {} });
  return vi.waitFor(
    async () => {
      const { body } = await ask(port, ['GET', `${api}/operations/${(begun as { id: string }).id}`]);
      const { status, result } = body as { status: string; result: { archive: string } };
      assert.equal(status, 'succeeded');
      return result.archive;
    },
    { timeout: 60_000, interval: 100 },
  );
}

async function servedPort({ stdout }: ChildProcess): Promise<string> {
  let printed = '';
  for await (const chunk of stdout?.iterator({ destroyOnReturn: false }) ?? []) {
    printed += chunk;
    const port = /stays up[\s\S]*localhost:(\d+)/.exec(printed)?.[1];
    if (port) return port;
  }
  throw new Error(`it ended with: ${printed}`);
}

async function databases(url: string): Promise<string[]> {
  const rows = await query(url, `select datname from pg_database where datname like 'omnitenant\\_demo%' order by 1`);
  return rows.map(({ datname }) => datname as string);
}

function roles(url: string): Promise<Record<string, unknown>[]> {
  return query(url, `select rolname from pg_roles where rolname like 'omnitenant\\_demo%'`);
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}
