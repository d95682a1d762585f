import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SqlClient } from '../src/sql/client.ts';
import {
  answerOf,
  codeOf,
  type OpenedPools,
  pidOf,
  type ThreeDatabases,
  threeDatabases,
} from './fixtures/three-databases.ts';

let site: ThreeDatabases;

beforeAll(async () => {
  site = await threeDatabases();
});
afterAll(() => site[Symbol.asyncDispose]());

function times<R>(count: number, work: (n: number) => R): R[] {
  return Array.from({ length: count }, (_, n) => work(n));
}

function release(clients: readonly SqlClient[]): void {
  for (const client of clients) client.release();
}

/** A connection that is open, and that nobody uses. */
async function openOne(server: OpenedPools): Promise<number> {
  const client = await server.connect(0);
  client.release();
  return pidOf(client);
}

/** One who waits, and whether they still do. */
function waits(client: Promise<SqlClient>): { client: Promise<SqlClient>; isServed: () => boolean } {
  let served = false;
  return { client: client.finally(() => (served = true)), isServed: () => served };
}

test('plain reads go through one connection, which has so many at once; each is answered as if it had it alone', async () => {
  await using server = await site.opened({ max: 3, maxPipelined: 3 });
  const pid = await openOne(server);
  const readers = await Promise.all(times(3, () => server.connectToRead(0)));
  expect(readers.map(pidOf)).toEqual([pid, pid, pid]);
  expect(readers.every(({ pipelined }) => pipelined)).toBe(true);
  const answers = readers.map((client, n) => answerOf(client, n === 1 ? 'select 1/0' : `select ${n} as value`));
  expect(await Promise.all(answers.map(codeOf))).toEqual(['no error, but 0', '22012', 'no error, but 2']);
  const another = await server.connectToRead(0);
  expect(pidOf(another)).not.toBe(pid);
  release([...readers, another]);
  expect(await site.sessions()).toBe(2);
});

test('what may be anything has a connection alone, and none of the reads comes near it', async () => {
  await using server = await site.opened({ max: 3 });
  await openOne(server);
  const reader = await server.connectToRead(0);
  const alone = await server.connect(0);
  const later = await server.connectToRead(0);
  expect(pidOf(alone)).not.toBe(pidOf(reader));
  expect(pidOf(later)).toBe(pidOf(reader));
  expect(alone.pipelined).toBe(false);
  release([reader, alone, later]);
  const busy = await Promise.all(times(3, () => server.connect(0)));
  expect(new Set(busy.map(pidOf)).size).toBe(busy.length);
  const waiting = waits(server.connectToRead(0));
  await busy[0]?.query('select 1');
  expect(waiting.isServed()).toBe(false);
  release(busy);
  (await waiting.client).release();
});

test('who waits for a connection alone gets the first that the reads have left, and no read overtakes it', async () => {
  await using server = await site.opened({ max: 1 });
  await openOne(server);
  const [first, second] = (await Promise.all(times(2, () => server.connectToRead(0)))) as [SqlClient, SqlClient];
  const alone = waits(server.connect(0));
  const behind = waits(server.connectToRead(0));
  first.release();
  await second.query('select 1');
  expect([alone.isServed(), behind.isServed()]).toEqual([false, false]);
  second.release();
  const client = await alone.client;
  await client.query('select 1');
  expect(behind.isServed()).toBe(false);
  client.release();
  (await behind.client).release();
});

test('reads that wait go together, as many as the connection takes', async () => {
  await using server = await site.opened({ max: 1, maxPipelined: 3 });
  const held = await server.connect(0);
  const waiting = times(5, () => waits(server.connectToRead(0)));
  held.release();
  const served = await Promise.all(waiting.slice(0, 3).map(({ client }) => client));
  await served[0]?.query('select 1');
  expect(waiting.map(({ isServed }) => isServed())).toEqual([true, true, true, false, false]);
  served[1]?.release();
  (await waiting[3]?.client)?.release();
  release([served[0], served[2]] as SqlClient[]);
  (await waiting[4]?.client)?.release();
});

test('another database’s turn comes although reads keep coming', async () => {
  await using server = await site.opened({ max: 1 });
  await openOne(server);
  let other = false;
  async function read() {
    const client = await server.connectToRead(0);
    await client.query('select pg_sleep(0.005)');
    client.release();
  }
  const reading = times(4, async () => {
    for (let round = 0; round < 10 || !other; round += 1) await read();
  });
  expect(await server.ask(1)).toBe(site.nameOf(1));
  other = true;
  await Promise.all(reading);
});

test('a connection that is killed fails those who read through it, and them alone', async () => {
  await using server = await site.opened({ max: 1 });
  const pid = await openOne(server);
  const readers = await Promise.all(times(3, () => server.connectToRead(0)));
  const answers = readers.map((client) => codeOf(answerOf(client, 'select pg_sleep(60)')));
  while ((await site.sessions(`pid = ${pid} and wait_event = 'PgSleep'`)) === 0);
  await site.terminate(pid);
  expect(await Promise.all(answers)).toEqual(Array(3).fill('SERVER_UNAVAILABLE'));
  release(readers);
  expect(await server.ask(0)).toBe(site.nameOf(0));
  const again = await Promise.all(times(4, () => server.connectToRead(0)));
  expect(new Set(again.map(pidOf)).size).toBe(1);
  release(again);
});

test('one that somebody gives up as broken takes no more reads, and is closed when the last has left', async () => {
  await using server = await site.opened({ max: 2 });
  const pid = await openOne(server);
  const [first, second] = (await Promise.all(times(2, () => server.connectToRead(0)))) as [SqlClient, SqlClient];
  first.release(true);
  const third = await server.connectToRead(0);
  expect(pidOf(third)).not.toBe(pid);
  expect(await answerOf(second, 'select 2 as value')).toBe(2);
  release([second, third]);
  const fourth = await server.connectToRead(0);
  expect(pidOf(fourth)).toBe(pidOf(third));
  fourth.release();
  while ((await site.sessions(`pid = ${pid}`)) > 0);
});

test('a database that is closed is left by its reads first', async () => {
  await using server = await site.opened({ max: 2 });
  const pid = await openOne(server);
  const readers = await Promise.all(times(2, () => server.connectToRead(0)));
  let closed = false;
  const closing = server.pools.close(site.nameOf(0)).then(() => (closed = true));
  const next = await server.connectToRead(0);
  expect(pidOf(next)).not.toBe(pid);
  for (const client of readers) {
    expect(await answerOf(client, 'select 1 as value')).toBe(1);
    expect(closed).toBe(false);
    client.release();
  }
  await closing;
  expect(await site.sessions(`pid = ${pid}`)).toBe(0);
  next.release();
});

test('a connection that is too old, or has seen its schemas, takes no more reads', async () => {
  await using server = await site.opened({ max: 2, maxSchemas: 2 });
  const readers: SqlClient[] = [];
  for (const schema of ['a', 'b', 'a']) readers.push(await server.connectToRead(0, schema));
  const [first, second, third] = readers.map(pidOf);
  expect(second).toBe(first);
  expect(third).not.toBe(first);
  release(readers);
});

test('where one at a time is asked for, none is shared', async () => {
  await using server = await site.opened({ max: 3, maxPipelined: 1 });
  const readers = await Promise.all(times(3, () => server.connectToRead(0)));
  expect(new Set(readers.map(pidOf)).size).toBe(3);
  expect(readers.some(({ pipelined }) => pipelined)).toBe(false);
  release(readers);
});
