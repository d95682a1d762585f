import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { limitsOf } from '../src/connections/limits.ts';
import { databaseOpener } from '../src/connections/pg.ts';
import { ServerPools } from '../src/connections/server-pools.ts';
import { inVain, longWait } from './fixtures/elapse-timeouts.ts';
import { answerOf, codeOf, pidOf, type ThreeDatabases, threeDatabases } from './fixtures/three-databases.ts';

let site: ThreeDatabases;

beforeAll(async () => {
  site = await threeDatabases();
});
afterAll(() => site[Symbol.asyncDispose]());

test('no more connections are open than the budget allows, whatever is asked for at once', async () => {
  await using server = await site.opened({ max: 3 });
  const asked = Array.from({ length: 300 }, (_, n) => n % 3);
  // PostgreSQL refuses these databases a fourth connection, so that none of the 300 would be answered by one.
  const held = await Promise.all([0, 1, 2].map((n) => server.connect(n)));
  const answers = Promise.all(asked.map((n) => server.ask(n)));
  expect(await site.sessions()).toBe(3);
  for (const client of held) client.release();
  expect(await answers).toEqual(asked.map(site.nameOf));
});

test('a connection in use is never closed to make room; who waits too long for it is refused', async () => {
  await using server = await site.opened({ max: 1, waitMs: longWait });
  const client = await server.connect(0);
  await client.query('begin; create temporary table kept as select 7 as value');
  const [error] = await inVain(() => [server.connect(1).catch((refusal: unknown) => refusal)]);
  expect(error).toMatchObject({ code: 'CONNECTIONS_EXHAUSTED', status: 503, headers: { 'Retry-After': '1' } });
  expect(String(error)).toContain(`the server's 1 connections are in use`);
  expect(await answerOf(client, 'select value from kept')).toBe(7);
  await client.query('rollback');
  client.release();
  expect(await server.ask(1)).toBe(site.nameOf(1));
});

test('to make room, what was not used for longest is closed, and nothing else', async () => {
  await using server = await site.opened({ max: 2 });
  const pids: number[] = [];
  for (const n of [0, 1]) {
    const client = await server.connect(n);
    await answerOf(client, 'select pg_sleep(0.03)');
    pids.push(pidOf(client));
    client.release();
  }
  (await server.connect(0)).release();
  expect(await server.ask(2)).toBe(site.nameOf(2));
  const again = await server.connect(0);
  expect(pidOf(again)).toBe(pids[0]);
  again.release();
  expect(await site.sessions(`pid = ${pids[1]}`)).toBe(0);
});

test('databases that are asked for in turn, one more than there are connections, do not open one at each request', async () => {
  const budget = 10;
  await using server = await site.opened({ max: budget });
  const requests = 20 * (budget + 1);
  const pids = new Set<number>();
  for (let n = 0; n < requests; n += 1) {
    // Pools of their own, as databases have.
    const client = await server.pools.connect({
      server: 'here',
      database: site.nameOf(0),
      startup: `-c application_name=d${n % (budget + 1)}`,
    });
    await answerOf(client, 'select 1 as value');
    pids.add(pidOf(client));
    client.release();
  }
  // Three in eleven are to be expected; by the longest unused, all.
  expect(pids.size).toBeLessThan(requests * 0.6);
});

test('whatever is still in use when all pools are to be closed is closed under its users after `closeMs`', async () => {
  await using server = await site.opened({ max: 3, closeMs: 100 });
  const [idle, inTransaction, busy] = await Promise.all([0, 1, 2].map((n) => server.connect(n)));
  await inTransaction?.query('begin; create temporary table unfinished ()');
  const lost = codeOf(busy?.query('select pg_sleep(600)') as Promise<unknown>);
  try {
    await server.pools.end();
    expect(await lost).toBe('SERVER_UNAVAILABLE');
    for (const client of [idle, inTransaction]) {
      expect(await codeOf(client?.query('select 1') as Promise<unknown>)).toBe('SERVER_UNAVAILABLE');
      client?.release();
    }
  } finally {
    // PostgreSQL notices the end of a socket only when it has something to say.
    await site.terminate(busy?.processID as number);
  }
});

test('the place of a connection is given away only when PostgreSQL is done with it', async () => {
  await using server = await site.opened({ max: 1, waitMs: longWait });
  const tables = Array.from({ length: 400 }, (_, n) => `create temporary table t${n} (id serial primary key)`);
  // What they leave takes PostgreSQL a while to clear up.
  const client = await server.connect(0);
  await client.query(`${tables.join('; ')}; select pg_sleep(0.03)`);
  client.release();
  expect(await server.ask(1)).toBe(site.nameOf(1));
});

test('a connection that cannot be opened is not charged, and only who waited for it is refused', async () => {
  await using server = await site.opened({ max: 1 });
  for (let round = 0; round < 3; round += 1) {
    const nowhere = Array.from({ length: 3 }, () =>
      codeOf(server.pools.connect({ server: 'here', database: 'no_such_database' })),
    );
    const somewhere = [server.ask(0), server.ask(1)];
    expect(await Promise.all(nowhere)).toEqual(Array(3).fill('SERVER_UNAVAILABLE'));
    expect(await Promise.all(somewhere)).toEqual([site.nameOf(0), site.nameOf(1)]);
  }
});

test('a connection that is killed is not charged any longer, where it waits and where it is in use', async () => {
  await using server = await site.opened({ max: 1 });
  const idle = await server.connect(0);
  idle.release();
  await site.terminate(pidOf(idle));
  expect(await server.ask(1)).toBe(site.nameOf(1));

  const held = await server.connect(0);
  await site.terminate(pidOf(held));
  expect(await server.ask(1)).toBe(site.nameOf(1));
  expect(await codeOf(answerOf(held, 'select 1'))).toBe('SERVER_UNAVAILABLE');
  held.release();
  expect(await Promise.all([0, 1, 2].map((n) => server.ask(n)))).toEqual([0, 1, 2].map(site.nameOf));
});

test('when a database is closed, who waits is told at once, who is inside ends first, and it opens again', async () => {
  await using server = await site.opened({ max: 1 });
  const inside = await server.connect(0);
  const waiting = [server.connect(0), server.connect(0)].map(codeOf);
  let closed = false;
  const closing = server.pools.close(site.nameOf(0)).then(() => (closed = true));
  expect(await Promise.all(waiting)).toEqual(['SERVER_UNAVAILABLE', 'SERVER_UNAVAILABLE']);
  const next = server.ask(0);
  expect(await answerOf(inside, 'select 1 as value')).toBe(1);
  expect(closed).toBe(false);
  inside.release();
  await closing;
  expect(await site.sessions(`pid = ${pidOf(inside)}`)).toBe(0);
  expect(await next).toBe(site.nameOf(0));
});

test('the end refuses who waits and who comes after, and leaves no socket, not even one that is being opened', async () => {
  const server = await site.opened({ max: 2 });
  const opening = [server.ask(0), server.ask(1), server.ask(2)].map(codeOf);
  await server.pools.end();
  expect(await Promise.all(opening)).toEqual(Array(3).fill('SERVER_UNAVAILABLE'));
  expect(await codeOf(server.ask(0))).toBe('SERVER_UNAVAILABLE');
  expect(await site.sessions()).toBe(0);
});

test('what nobody uses is closed, also while others come and go', async () => {
  await using server = await site.opened({ max: 2, idleMs: 1 });
  for (let round = 0; round < 200; round += 1) {
    expect(await server.ask(round % 3)).toBe(site.nameOf(round % 3));
    for (let pause = 0; pause < round % 7; pause += 1) await turn();
  }
  while ((await site.sessions()) > 0);
});

test('a connection that gets too old in use serves to the end, and nobody after', async () => {
  await using server = await site.opened({ max: 1, lifetimeMs: 20 });
  const client = await server.connect(0);
  await client.query('select pg_sleep(0.03)');
  expect(await answerOf(client, 'select 1 as value')).toBe(1);
  const next = server.connect(0);
  client.release();
  expect(pidOf(await next)).not.toBe(pidOf(client));
  (await next).release();
});

test('a connection serves so many schemas, each as often as it likes', async () => {
  await using server = await site.opened({ max: 1, maxSchemas: 3 });
  const pids: number[] = [];
  for (const schema of ['a', 'b', 'a', 'b', 'a', 'c', 'd', 'd', 'a', 'b', 'c']) {
    const client = await server.connect(0, schema);
    pids.push(pidOf(client));
    client.release();
  }
  const [first, second, third] = [pids[0], pids[6], pids[10]];
  expect(pids).toEqual([...Array(6).fill(first), ...Array(4).fill(second), third]);
  expect(new Set(pids).size).toBe(3);
});

test('a database for which many wait does not hold up another', async () => {
  await using server = await site.opened({ max: 1 });
  const first = await server.connect(0);
  const served: number[] = [];
  const wait = (n: number) => server.ask(n, 'select pg_sleep(0.01)').then(() => served.push(n));
  // It waits a few times as long as opening a connection takes, and no longer than 250 ms.
  const all = [...Array.from({ length: 120 }, () => wait(0)), wait(1), wait(2)];
  await first.query('select pg_sleep(0.03)');
  first.release();
  await Promise.all(all);
  expect(served.indexOf(1)).toBeLessThan(60);
  expect(served.indexOf(2)).toBeLessThan(90);
});

test('databases for which many wait get as many connections each', async () => {
  await using server = await site.opened({ max: 4 });
  const held = await Promise.all([0, 0, 0, 0].map((n) => server.connect(n)));
  const count = `select count(*)::int as value from pg_sleep(0.01), pg_stat_activity
    where usename = current_user and datname = current_database()`;
  const both = [0, 1].map((n) => Promise.all(Array.from({ length: 40 }, () => server.ask(n, count))));
  await Promise.all(held.map((client) => client.query('select pg_sleep(0.03)')));
  for (const client of held) client.release();
  const [ofFirst = [], ofSecond = []] = await Promise.all(both);
  expect(ofFirst).toContain(2);
  expect(ofSecond).toContain(2);
});

test('more than so many do not wait: they are refused at once', async () => {
  await using server = await site.opened({ max: 1, maxWaiting: 2 });
  const held = await server.connect(0);
  const waiting = [server.ask(0), server.ask(1)];
  const error = await server.ask(2).catch((refusal: unknown) => refusal);
  expect(error).toMatchObject({ code: 'CONNECTIONS_EXHAUSTED' });
  expect(String(error)).toContain('2 requests are waiting already');
  held.release();
  expect(await Promise.all(waiting)).toEqual([site.nameOf(0), site.nameOf(1)]);
});

test('who has given up waiting takes nothing from who comes next', async () => {
  await using server = await site.opened({ max: 1, waitMs: longWait });
  const held = await server.connect(0);
  expect(await inVain(() => [0, 0, 1, 2].map((n) => codeOf(server.connect(n))))).toEqual(
    Array(4).fill('CONNECTIONS_EXHAUSTED'),
  );
  held.release();
  const next = await server.connect(0);
  expect(pidOf(next)).toBe(pidOf(held));
  next.release();
  expect(await Promise.all([1, 2].map((n) => server.ask(n)))).toEqual([1, 2].map(site.nameOf));
});

test('a connection that was given back is out of reach of who had it', async () => {
  await using server = await site.opened({ max: 1 });
  const mine = await server.connect(0);
  mine.release();
  const theirs = await server.connect(0);
  expect(pidOf(theirs)).toBe(pidOf(mine));
  expect(() => mine.query('select 1')).toThrow(/was released/);
  mine.release(true);
  expect(await answerOf(theirs, 'select 1 as value')).toBe(1);
  theirs.release();
});

test('a connection that is returned inside a transaction is rolled back before it serves anybody', async () => {
  await using server = await site.opened({ max: 1 });
  for (const statements of ['begin', 'begin; select 1 / 0']) {
    const client = await server.connect(0);
    await client.query('begin; create temporary table left_open (); set statement_timeout to 4321');
    await client.query(statements).catch(() => {});
    client.release();
    const left = `select concat(to_regclass('pg_temp.left_open'), current_setting('statement_timeout')) as value`;
    expect(await server.ask(0, left)).toBe('0');
  }
});

test('a server that does not answer is told as that, and not as one without a connection free', async () => {
  const silent = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const pools = new ServerPools(limitsOf({ max: 2, waitMs: 50 }), ({ database }) =>
    databaseOpener(
      site.base,
      { connectionTimeoutMillis: 50 },
      { dbName: database, host: '127.0.0.1', port, clientUrl: '' },
    ),
  );
  const attempts = [0, 1].map((n) => pools.connect({ server: 'here', database: site.nameOf(n) }));
  expect(await Promise.all(attempts.map(codeOf))).toEqual(Array(2).fill('SERVER_UNAVAILABLE'));
  await pools.end();
  await promisify(silent.close.bind(silent))();
});

test('a new connection is left to its database for the statements of a request', async () => {
  await using server = await site.opened({ max: 1 });
  const pids = new Set<number>();
  async function request(n: number) {
    for (let statement = 0; statement < 3; statement += 1) {
      const client = await server.connect(n);
      pids.add(pidOf(client));
      client.release();
    }
  }
  await Promise.all(Array.from({ length: 12 }, (_, n) => request(n % 3)));
  expect(pids.size).toBeLessThan(12);
});

test('what COPY writes is whole, however many packets it comes in', async () => {
  await using server = await site.opened({ max: 1 });
  const client = await server.connect(0);
  const names = Array.from({ length: 20_000 }, (_, n) => `${n} ${'é'.repeat(n % 200)}`);
  const rows = `select n || ' ' || repeat('é', n % 200) from generate_series(0, ${names.length - 1}) as n`;
  const [first, second] = (await client.copyOut?.([`copy (${rows}) to stdout`, `copy (${rows}) to stdout`])) ?? [];
  const whole = `${names.join('\n')}\n`;
  expect([first === whole, second === whole]).toEqual([true, true]);
  client.release();
});
