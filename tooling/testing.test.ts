import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { Client } from 'pg';
import { describe, expect, test } from 'vitest';
import { redisCommand } from './services/redis.ts';
import { open } from './testing/open.ts';
import { obtainable, testDatabase, testName, testPgBouncer, testRedis } from './testing.ts';

describe('a test database', () => {
  test('is empty, is the test’s own, and is gone when dropped', async () => {
    const [one, two] = await Promise.all([testDatabase(), testDatabase()]);
    expect(one.name).not.toBe(two.name);
    await using client = await connected(one.url);
    expect((await client.query('select current_database() as name')).rows).toEqual([{ name: one.name }]);
    await client.end();
    await Promise.all([one.drop(), two.drop()]);
    await expect(connected(one.url)).rejects.toThrow(/does not exist/);
    await one.drop();
  });

  test('may begin as a copy of another', async () => {
    await using original = await testDatabase();
    const writer = await connected(original.url);
    await writer.query('create table kept as select 7 as value');
    await writer.end();
    await using copy = await testDatabase({ template: original.name });
    const reader = await connected(copy.url);
    expect((await reader.query('select value from kept')).rows).toEqual([{ value: 7 }]);
    await reader.end();
  });

  test('does not let a connection that was left open go unnoticed, and is dropped all the same', async () => {
    const database = await testDatabase();
    const client = await connected(database.url);
    await client.query('select 42 as forgotten');
    await expect(database.drop()).rejects.toThrow(/left 1 connections open.*select 42 as forgotten/);
    await expect(connected(database.url)).rejects.toThrow(/does not exist/);
  });

  test('counts as left behind until it is dropped', async () => {
    const database = await testDatabase();
    expect([...open].join()).toContain(database.name);
    await database.drop();
    expect([...open].join()).not.toContain(database.name);
  });
});

test.skipIf(!(await obtainable('redis-server')))(
  'a test’s keys in Redis are gone when dropped, and nobody else’s',
  async () => {
    const [one, two] = await Promise.all([testRedis(), testRedis()]);
    await redisCommand(one.url, 'SET', `${one.prefix}a`, '1');
    await redisCommand(two.url, 'SET', `${two.prefix}a`, '2');
    const observer = one.url;
    await one.drop();
    if (one.url === two.url) expect(await redisCommand(observer, 'EXISTS', `${one.prefix}a`)).toBe('0');
    expect(await redisCommand(two.url, 'EXISTS', `${two.prefix}a`)).toBe('1');
    await two.drop();
  },
);

test.skipIf(!(await obtainable('pgbouncer')))('a test’s PgBouncer leads to the run’s PostgreSQL', async () => {
  await using database = await testDatabase();
  await using bouncer = await testPgBouncer({ upstream: database.url });
  const client = await connected(bouncer.url);
  expect((await client.query('select current_database() as name')).rows).toEqual([{ name: database.name }]);
  await client.end();
});

test('names are unique and short enough to be continued', () => {
  expect(testName()).not.toBe(testName());
  expect(testName('role').length).toBeLessThan(40);
});

test('sockets that were closed do not count as left behind', async () => {
  const server = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const socket = connect(address.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.destroy();
  server.close();
});

async function connected(connectionString: string) {
  const client = new Client({ connectionString });
  client.on('error', () => {});
  try {
    await client.connect();
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end().catch(() => {}) });
}
