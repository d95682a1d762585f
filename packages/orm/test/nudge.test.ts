import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy, type Nudge } from '@omnitenant/core';
import { obtainable, plainDatabase, testPgBouncer } from '@omnitenant/tooling';
import pg from 'pg';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { NudgeOptions } from '../src/connections/listening.ts';
import { createOrm, type Orm } from '../src/orm.ts';

/** Its clock stands: it looks at changes only where it is nudged. */
async function openProcess(url: string, options?: NudgeOptions, wrap: (nudge: Nudge) => Nudge = (nudge) => nudge) {
  const orm: Orm = await createOrm(defineConfig({ clientUrl: url, entities: [] }));
  const onError = vi.fn();
  const tenancy = createTenancy({
    resources: [orm],
    nudge: wrap(orm.nudge(options)),
    cache: { clock: { now: () => 0 } },
    onError,
  });
  onTestFinished(() => tenancy.close());
  await tenancy.migrateCentral();
  const nameOf = async (id: string) => (await tenancy.tenants.tryGet(id))?.name;
  return { orm, tenancy, tenants: tenancy.tenants, onError, nameOf };
}

async function openDatabase() {
  const database = await plainDatabase();
  const client = new pg.Client(database.url);
  await client.connect();
  onTestFinished(async () => {
    await client.end();
    await database.drop();
  });
  const listeners = async () => {
    const { rows } = await client.query<{ pid: number }>(
      `select pid from pg_stat_activity where datname = current_database() and query = 'listen omnitenant_change' and state = 'idle'`,
    );
    return rows.map(({ pid }) => pid);
  };
  return { url: database.url, client, listeners };
}

const soon = { interval: 5 };

test('PostgreSQL tells the other processes of each change: updates, domains, credentials, removals', async () => {
  const { url, listeners } = await openDatabase();
  const here = await openProcess(url);
  const there = await openProcess(url);
  await here.tenants.create({ id: 'acme', name: 'n0', domains: ['acme.com'] });
  await here.tenants.create({ id: 'birch' });
  // Who looks nothing up has nothing to be told of, and does not listen.
  expect(await there.nameOf('acme')).toBe('n0');
  await vi.waitFor(async () => expect(await listeners()).toHaveLength(1), soon);

  await here.tenants.update('acme', { name: 'n1' });
  await vi.waitFor(async () => expect(await there.nameOf('acme')).toBe('n1'), soon);
  // Past the registry, as by a script that has only the orm.
  await here.orm.store.update('acme', { name: 'n2' });
  await vi.waitFor(async () => expect(await there.nameOf('acme')).toBe('n2'), soon);
  expect((await there.tenants.findByDomain('acme.com'))?.id).toBe('acme');
  await here.tenants.removeDomain('acme', 'acme.com');
  await here.tenants.addDomain('birch', 'acme.com');
  await vi.waitFor(async () => expect((await there.tenants.findByDomain('acme.com'))?.id).toBe('birch'), soon);
  await here.tenants.remove('acme');
  await vi.waitFor(async () => expect(await there.nameOf('acme')).toBeUndefined(), soon);
  expect(there.onError).not.toHaveBeenCalled();
});

test('a connection that is lost is opened again, and what was missed meanwhile is looked at', async () => {
  const { url, client, listeners } = await openDatabase();
  const here = await openProcess(url);
  const there = await openProcess(url);
  await here.tenants.create({ id: 'acme', name: 'n0' });
  expect(await there.nameOf('acme')).toBe('n0');
  for (let round = 1; round <= 3; round += 1) {
    await vi.waitFor(async () => expect(await listeners()).toHaveLength(1), soon);
    await client.query('select pg_terminate_backend(pid, 5000) from unnest($1::int[]) as pid', [await listeners()]);
    await here.tenants.update('acme', { name: `n${round}` });
    await vi.waitFor(async () => expect(await there.nameOf('acme')).toBe(`n${round}`), soon);
  }
});

test('the end of a tenancy leaves no connection, also while one is being opened', async () => {
  const { url, client, listeners } = await openDatabase();
  const { tenancy, nameOf } = await openProcess(url);
  await nameOf('acme');
  await vi.waitFor(async () => expect(await listeners()).toHaveLength(1), soon);
  await tenancy.close();
  const { rows } = await client.query(
    'select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
  );
  expect(rows).toEqual([]);

  const other = await openProcess(url);
  await other.nameOf('acme');
  await other.tenancy.close();
  await vi.waitFor(async () => expect(await listeners()).toHaveLength(0), soon);
});

test('a database that does not answer keeps nobody from ending', async () => {
  const { url } = await openDatabase();
  const sockets = new Set<Socket>();
  const hole = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  }).listen(0, '127.0.0.1');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    hole.close();
  });
  await once(hole, 'listening');
  const { port } = hole.address() as { port: number };
  const { tenancy, nameOf } = await openProcess(url, { url: `postgresql://nobody:none@127.0.0.1:${port}/none` });
  await nameOf('acme');
  await vi.waitFor(() => expect(sockets.size).toBe(1), soon);
  const closedAt = performance.now();
  await tenancy.close();
  expect(performance.now() - closedAt).toBeLessThan(8_000);
});

test('where nothing can be heard it is said once, and the process goes on', async () => {
  const { url } = await openDatabase();
  const attempts = vi.fn();
  const server = createServer((socket) => {
    attempts();
    socket.destroy();
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const { tenants, nameOf, onError } = await openProcess(url, {
    url: `postgresql://nobody:secret@127.0.0.1:${port}/none`,
  });
  await tenants.create({ id: 'acme', name: 'n0' });
  expect(await nameOf('acme')).toBe('n0');
  await vi.waitFor(() => expect(attempts.mock.calls.length).toBeGreaterThan(3), soon);
  expect(onError).toHaveBeenCalledTimes(1);
  expect(String(onError.mock.calls[0]?.[0])).not.toContain('secret');
  await tenants.update('acme', { name: 'n1' });
  expect(await nameOf('acme')).toBe('n1');
});

test.skipIf(!(await obtainable('pgbouncer')))('a pooler is noticed, and the way past it is listened on', async () => {
  const { url, listeners } = await openDatabase();
  const bouncer = await testPgBouncer({
    upstream: url,
    poolSize: 3,
    settings: { ignore_startup_parameters: 'extra_float_digits' },
  });
  onTestFinished(() => bouncer.stop());
  const pooled = await openProcess(bouncer.url);
  await pooled.tenants.create({ id: 'acme', name: 'n0' });
  expect(await pooled.nameOf('acme')).toBe('n0');
  await vi.waitFor(() => expect(pooled.onError).toHaveBeenCalledTimes(1), soon);
  expect(pooled.onError.mock.calls[0]?.[0]).toMatchObject({ code: 'CONFIG_INVALID' });
  expect(await listeners()).toEqual([]);

  const past = await openProcess(bouncer.url, { url });
  expect(await past.nameOf('acme')).toBe('n0');
  await vi.waitFor(async () => expect(await listeners()).toHaveLength(1), soon);
  await pooled.tenants.update('acme', { name: 'n1' });
  await vi.waitFor(async () => expect(await past.nameOf('acme')).toBe('n1'), soon);
  expect(past.onError).not.toHaveBeenCalled();
  await Promise.all([pooled.tenancy.close(), past.tenancy.close()]);
});

test('a url that leads to another database is told of, and one that leads to the tenants’ is listened on', async () => {
  const { url, listeners } = await openDatabase();
  const elsewhere = await openDatabase();
  const astray = await openProcess(url, { url: elsewhere.url });
  await astray.nameOf('acme');
  await vi.waitFor(() => expect(astray.onError).toHaveBeenCalledTimes(1), soon);
  expect(astray.onError.mock.calls[0]?.[0]).toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('is of another database than that of the tenants'),
  });
  await vi.waitFor(async () => expect(await elsewhere.listeners()).toEqual([]), soon);

  const right = await openProcess(url, { url });
  await right.nameOf('acme');
  await vi.waitFor(async () => expect(await listeners()).toHaveLength(1), soon);
  await astray.tenants.create({ id: 'acme', name: 'n0' });
  await vi.waitFor(async () => expect(await right.nameOf('acme')).toBe('n0'), soon);
  expect(right.onError).not.toHaveBeenCalled();

  // Its end does not wait for a nudge that never arrives.
  const hasty = await openProcess(url, { url: elsewhere.url });
  await hasty.nameOf('acme');
  await vi.waitFor(async () => expect(await elsewhere.listeners()).toHaveLength(1), soon);
  await hasty.tenancy.close();
  await vi.waitFor(async () => expect(await elsewhere.listeners()).toEqual([]), soon);
  expect(hasty.onError).not.toHaveBeenCalled();
});

test('a url that is none is refused at once', async () => {
  const { url } = await openDatabase();
  const { orm } = await openProcess(url);
  expect(() => orm.nudge({ url: 'https://db.example.com' })).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID' }),
  );
});
