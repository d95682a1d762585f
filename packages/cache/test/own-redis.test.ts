import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { isTenancyError } from '@omnitenant/core';
import { obtainable, type TestRedis, testRedis, testRedisServer } from '@omnitenant/tooling';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createCache } from '../src/cache.ts';
import { application } from './fixtures/application.ts';

type Server = Awaited<ReturnType<typeof testRedisServer>>;

function code(expected: string) {
  return expect.objectContaining({ name: 'TenancyError', code: expected });
}

/** The names of the connections that a server has, without the one that asks. */
async function clients(admin: Redis): Promise<number> {
  const list = (await admin.client('LIST')) as string;
  return list.trim().split('\n').length - 1;
}

describe.skipIf(!(await obtainable('redis-server')))('a tenant with a Redis of its own', () => {
  let common: TestRedis;
  let own: Server;
  let admin: Redis;

  beforeAll(async () => {
    common = await testRedis();
    own = await testRedisServer();
    admin = new Redis(own.url);
  });
  beforeEach(() => admin.flushall());
  afterAll(async () => {
    admin.disconnect();
    await own.stop();
    await common.drop();
  });

  const start = (options = {}) => application(createCache({ redis: common.url, prefix: common.prefix, ...options }));

  test('is moved there by a change of its record, and has nothing elsewhere', async () => {
    const { cache, tenancy } = await start();
    await using _ = tenancy;
    await tenancy.run('acme', () => cache.set('a', 'in common'));
    await tenancy.tenants.update('acme', { config: { cache: { redis: own.url } } });
    await tenancy.run('acme', async () => {
      expect(await cache.get('a')).toBeUndefined();
      await cache.set('a', 'in its own');
    });
    await tenancy.run('beta', () => cache.set('a', 'in common'));
    expect((await admin.keys('*')).every((key) => key.includes('{acme@'))).toBe(true);
    expect(await admin.dbsize()).toBe(1);

    await tenancy.tenants.remove('acme');
    expect(await admin.dbsize()).toBe(0);
    await using client = disposable(new Redis(common.url));
    expect(await client.redis.keys(`${common.prefix}{acme@*`)).toEqual([]);
    expect(await tenancy.run('beta', () => cache.get('a'))).toBe('in common');
  });

  test('is cleared and removed by a command or two, which look through nothing', async () => {
    const { cache, tenancy } = await start();
    await using _ = tenancy;
    await tenancy.tenants.update('acme', { config: { cache: { redis: own.url } } });
    await tenancy.run('acme', () =>
      Promise.all(Array.from({ length: 1_000 }, (_unused, n) => cache.set(`key-${n}`, n, { tags: ['red'] }))),
    );
    await admin.config('RESETSTAT');
    await tenancy.run('acme', () => cache.invalidate('red'));
    await tenancy.run('acme', () => cache.clear());
    await tenancy.tenants.remove('acme');
    const stats = String(await admin.info('commandstats'));
    expect(stats).toMatch(/cmdstat_unlink:calls=2,/);
    expect(stats).not.toMatch(/cmdstat_(?:keys|h?scan|hgetall|hkeys|flush\w+)/);
    expect([...stats.matchAll(/calls=(\d+)/g)].reduce((sum, [, calls]) => sum + Number(calls), 0)).toBeLessThan(30);
  });

  test('connects when it is used, shares by URL, and is disconnected with the tenancy', async () => {
    const { cache, tenancy } = await start();
    for (const id of ['acme', 'beta']) {
      await tenancy.tenants.update(id, { config: { cache: { redis: own.url } } });
      await tenancy.run(id, () => tenancy.use(cache));
    }
    expect(await clients(admin)).toBe(0);
    await Promise.all(['acme', 'beta', 'acme'].map((id) => tenancy.run(id, () => cache.increment('a'))));
    expect(await clients(admin)).toBe(1);
    await tenancy.close();
    await expect.poll(() => clients(admin)).toBe(0);
    await expect(tenancy.run('acme', () => cache.get('a'))).rejects.toEqual(code('SERVER_UNAVAILABLE'));
  });

  test('keeps no connection while it is idle, and gets another', async () => {
    const { cache, tenancy } = await start({ connections: { idleMs: 1 } });
    await using _ = tenancy;
    await tenancy.tenants.update('acme', { config: { cache: { redis: own.url } } });
    await tenancy.run('acme', () => cache.set('a', 1));
    await expect.poll(() => clients(admin)).toBe(0);
    expect(await tenancy.run('acme', () => cache.get('a'))).toBe(1);
  });

  test('shares a bounded number of connections with others of its kind', async () => {
    const { cache, tenancy } = await start({ connections: { max: 1 } });
    await using _ = tenancy;
    for (const [id, database] of [
      ['acme', 1],
      ['beta', 2],
    ] as const) {
      await tenancy.tenants.update(id, { config: { cache: { redis: `${own.url}/${database}` } } });
    }
    for (const id of ['acme', 'beta', 'acme']) {
      await tenancy.run(id, () => cache.increment('a'));
      await expect.poll(() => clients(admin)).toBe(1);
    }
    expect(await tenancy.run('beta', () => cache.get('a'))).toBe(1);

    // One that is waiting for an answer keeps its connection.
    await admin.client('PAUSE', 60_000, 'WRITE');
    const waiting = tenancy.run('acme', () => cache.get('a'));
    const refused = tenancy.run('beta', () => cache.get('a'));
    await expect(refused).rejects.toEqual(code('CONNECTIONS_EXHAUSTED'));
    await expect(refused).rejects.toThrow(/^The cache of the tenant "beta" is not available: all 1 connections/);
    await admin.client('UNPAUSE');
    expect(await waiting).toBe(2);

    // One that was cut off gives its connection back.
    await admin.client('PAUSE', 60_000, 'WRITE');
    const cut = expect(tenancy.run('acme', () => cache.get('a'))).rejects.toThrow(
      /the connection to its Redis was lost/,
    );
    await vi.waitUntil(async () => /flags=b/.test(String(await admin.client('LIST'))));
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await cut;
    await admin.client('UNPAUSE');
    expect(await tenancy.run('beta', () => cache.get('a'))).toBe(1);
  });

  test('gets its connection back from a server that never answers', async () => {
    const silent = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { cache, tenancy } = await start({ connections: { max: 1 }, timeoutMs: 200 });
    await using _ = { [Symbol.asyncDispose]: async () => tenancy.close().finally(() => silent.close()) };
    const { port } = silent.address() as AddressInfo;
    await tenancy.tenants.update('acme', { config: { cache: { redis: `redis://127.0.0.1:${port}` } } });
    await tenancy.tenants.update('beta', { config: { cache: { redis: own.url } } });
    await expect(tenancy.run('acme', () => cache.get('a'))).rejects.toEqual(code('SERVER_UNAVAILABLE'));
    const ask = () => tenancy.run('beta', () => cache.has('a')).catch(() => 'refused');
    await expect.poll(ask).toBe(false);
  });

  test.each([
    ['no object', 'redis://localhost'],
    ['an unknown key', { url: 'redis://localhost' }],
    ['another scheme', { redis: 'https://user:hunter2@localhost' }],
    ['a URL with a query', { redis: 'redis://:hunter2@localhost?db=3' }],
    ['no URL', { redis: 'hunter2' }],
    ['a time to live that is none', { ttlMs: -1 }],
  ])('is refused where its config is malformed: %s', async (_, config) => {
    const { cache, tenancy } = await start();
    await using _tenancy = tenancy;
    const creating = tenancy.tenants.create({ id: 'gamma', config: { cache: config } });
    await expect(creating).rejects.toEqual(code('PROVISION_FAILED'));
    await expect(creating).rejects.toHaveProperty('cause', code('TENANT_INVALID'));

    await tenancy.tenants.update('acme', { config: { cache: config } });
    const used = tenancy.run('acme', () => cache.get('a'));
    await expect(used).rejects.toEqual(code('TENANT_INVALID'));
    await expect(used).rejects.not.toThrow(/hunter2/);
    await expect(tenancy.run('beta', () => cache.get('a'))).resolves.toBeUndefined();
    await tenancy.tenants.remove('acme');
  });

  test('says nothing of its URL when it cannot be used', async () => {
    const { cache, tenancy } = await start({ timeoutMs: 1_000 });
    await using _ = tenancy;
    await admin.config('SET', 'requirepass', 'right');
    const { port } = new URL(own.url);
    for (const redis of [`redis://:hunter2@127.0.0.1:${port}`, 'redis://:hunter2@127.0.0.1:1', own.url]) {
      await tenancy.tenants.update('acme', { config: { cache: { redis } } });
      const error = await tenancy.run('acme', () => cache.get('a')).catch((thrown: unknown) => thrown);
      expect(isTenancyError(error, 'SERVER_UNAVAILABLE') && error.tenant).toBe('acme');
      expect(inspected(error)).not.toMatch(/hunter2|127\.0\.0\.1|redis:/);
    }
    await admin.config('SET', 'requirepass', '');
  });
});

/** An error with everything in it but where it was made. */
function inspected(error: unknown): string {
  const { message, cause, ...rest } = error as Error;
  return JSON.stringify([message, rest, cause === undefined ? undefined : inspected(cause)]);
}

function disposable(redis: Redis): AsyncDisposable & { readonly redis: Redis } {
  return { redis, [Symbol.asyncDispose]: async () => redis.disconnect() };
}
