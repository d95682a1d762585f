import { setImmediate } from 'node:timers/promises';
import { createTenancy, memoryStore } from '@omnitenant/core';
import { obtainable, testRedisServer } from '@omnitenant/tooling';
import { Cluster, Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createCache } from '../src/cache.ts';
import type { CacheOptions } from '../src/cache-options.ts';
import type { Application } from './fixtures/application.ts';

/** A copy lives for longer than any of these tests. */
const localTtlMs = 600_000;

describe.skipIf(!(await obtainable('redis-server')))('copies in the process', () => {
  let server: Awaited<ReturnType<typeof testRedisServer>>;
  let admin: Redis;
  let store: ReturnType<typeof memoryStore>;
  let one: Application;
  let other: Application;

  beforeEach(async () => {
    server = await testRedisServer();
    admin = new Redis(server.url, { retryStrategy: () => 20 });
    admin.on('error', () => {});
    store = memoryStore();
    one = process();
    for (const id of ['acme', 'beta']) await one.tenancy.tenants.create({ id });
    other = process();
    await keepsCopies(one);
    await keepsCopies(other);
  });
  afterEach(async () => {
    for (const { tenancy } of [one, other]) await tenancy.close();
    admin.disconnect();
    await server.stop();
  });

  /** The application in a process of its own, with the same tenants. */
  function process(options: CacheOptions = {}): Application {
    const cache = createCache({ redis: server.url, localTtlMs, ...options });
    return { cache, tenancy: createTenancy({ store, resources: [cache] }) };
  }

  /** How many scripts Redis has run. */
  async function asked(): Promise<number> {
    return Number(/cmdstat_evalsha:calls=(\d+)/.exec(await admin.info('commandstats'))?.[1] ?? 0);
  }

  /** Waits until the process hears of changes, and so keeps what it reads. */
  async function keepsCopies({ cache, tenancy }: Application): Promise<void> {
    await tenancy.run('beta', async () => {
      await cache.set('probe', 1);
      await expect
        .poll(async () => {
          await cache.get('probe');
          const before = await asked();
          await cache.get('probe');
          return (await asked()) - before;
        })
        .toBe(0);
    });
  }

  /** Waits until the process has a copy of the value. */
  async function hasCopy(app: Application, value: unknown): Promise<void> {
    await expect
      .poll(async () => {
        if ((await read(app)) !== value) return 'another';
        const before = await asked();
        await read(app);
        return (await asked()) - before;
      })
      .toBe(0);
  }

  const read = ({ cache, tenancy }: Application, key = 'a') => tenancy.run('acme', () => cache.get(key));
  const set = ({ cache, tenancy }: Application, value: unknown, key = 'a') =>
    tenancy.run('acme', () => cache.set(key, value, { tags: ['red'] }));

  test('answer without Redis, each caller with its own value', async () => {
    await set(one, { n: 1 });
    expect(await read(one)).toEqual({ n: 1 });
    const answers = () =>
      one.tenancy.run('acme', async () => {
        const before = await asked();
        const value = await one.cache.get<{ n: number }>('a');
        if (value !== undefined) value.n = 2;
        expect(await one.cache.getMany(['a', 'a'])).toEqual([{ n: 1 }, { n: 1 }]);
        expect(await one.cache.getOrSet('a', () => expect.unreachable())).toEqual({ n: 1 });
        expect(await one.cache.has('a')).toBe(true);
        return (await asked()) - before;
      });
    // What Redis says of one's own write is heard as well.
    await expect.poll(answers).toBe(0);
    expect(await one.tenancy.run('beta', () => one.cache.get('a'))).toBeUndefined();
  });

  const changes: Record<string, [change: (cache: Application['cache']) => Promise<unknown>, left: unknown]> = {
    set: [(cache) => cache.set('a', 'newer'), 'newer'],
    setMany: [(cache) => cache.setMany([['b', 1], ['a', 'newer']]), 'newer'], // biome-ignore format: one line
    delete: [(cache) => cache.delete('a'), undefined],
    invalidate: [(cache) => cache.invalidate('red'), undefined],
    clear: [(cache) => cache.clear(), undefined],
    increment: [async (cache) => (await cache.set('a', 1)) ?? cache.increment('a'), 2],
    touch: [(cache) => cache.touch('a', { ttlMs: 1 }), undefined],
    add: [async (cache) => (await cache.delete('a')) && cache.add('a', 'added'), 'added'],
    getOrSet: [async (cache) => (await cache.delete('a')) && cache.getOrSet('a', () => 'built'), 'built'],
  };
  test.each(Object.entries(changes))(
    'are forgotten at once here, and soon elsewhere, after %s',
    async (_, [change, left]) => {
      await set(one, 'older');
      await hasCopy(other, 'older');
      await one.tenancy.run('acme', () => change(one.cache));
      if (left !== undefined) expect(await read(one)).toBe(left);
      for (const each of [one, other]) await expect.poll(() => read(each)).toBe(left);
    },
  );

  test('are of one tenant, and of no successor', async () => {
    await set(one, 'of the first');
    await hasCopy(other, 'of the first');
    await other.tenancy.run('acme', async () => {
      await one.tenancy.tenants.remove('acme');
      await expect.poll(() => other.cache.get('a')).toBeUndefined();
    });
    await one.tenancy.tenants.create({ id: 'acme' });
    expect(await read(one)).toBeUndefined();
    expect(await other.tenancy.run('beta', () => other.cache.get('probe'))).toBe(1);
  });

  test('end with their entry, and after their own time', async () => {
    await one.tenancy.run('acme', () => one.cache.set('a', 1, { ttlMs: 300 }));
    expect(await read(one)).toBe(1);
    await expect.poll(() => read(one)).toBeUndefined();

    const brief = process({ localTtlMs: 50 });
    await using _ = brief.tenancy;
    await set(one, 'in Redis');
    await expect.poll(() => read(brief)).toBe('in Redis');
    await admin.flushall(); // tells nobody
    await expect.poll(() => read(brief)).toBeUndefined();
  });

  test('are never older than what is read while another process writes', async () => {
    const writes = (async () => {
      for (let n = 1; n <= 300; n += 1) await set(one, n);
    })();
    let isDone = false;
    const reads = Array.from({ length: 8 }, async () => {
      while (!isDone) {
        await read(other);
        await setImmediate();
      }
    });
    await writes;
    isDone = true;
    await Promise.all(reads);
    await expect.poll(() => read(other)).toBe(300);
  });

  test('are given up while changes cannot be heard of, and come again', async () => {
    await set(one, 'older');
    await hasCopy(other, 'older');
    const port = Number(new URL(server.url).port);
    await server.stop();
    await expect.poll(() => read(other).catch(() => 'refused')).toBe('refused');
    server = await testRedisServer({ port });
    await expect.poll(() => read(other).catch(() => 'refused')).toBeUndefined();
    await set(other, 'newer');
    await keepsCopies(other);
    expect(await read(other)).toBe('newer');
  });

  test('are not kept where the subscription alone is cut off', async () => {
    await set(one, 'older');
    await hasCopy(other, 'older');
    await admin.call('ACL', 'SETUSER', 'default', 'resetchannels');
    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await admin.call('ACL', 'SETUSER', 'default', '&other');
    const before = await asked();
    await expect.poll(async () => ((await read(other)) === 'older' ? asked() : before)).toBeGreaterThan(before + 1);
  });

  test('have the bounds of memory, and a share for each tenant', async () => {
    const small = process({ maxEntries: 20 });
    await using _ = small.tenancy;
    await keepsCopies(small);
    await small.tenancy.run('acme', async () => {
      const keys = Array.from({ length: 50 }, (_unused, n) => `${n}`);
      await small.cache.setMany(keys.map((key) => [key, key]));
      await small.cache.getMany(keys);
      const before = await asked();
      for (const key of keys) await small.cache.get(key);
      expect((await asked()) - before).toBeGreaterThanOrEqual(48);
    });
  });

  test('need a client that can subscribe to what all nodes say', () => {
    const cluster = new Cluster([{ host: '127.0.0.1', port: 1 }], { lazyConnect: true });
    for (const options of [{}, { redis: cluster }, { redis: server.url, localTtlMs: 0 }]) {
      expect(() => createCache({ localTtlMs: 1, ...options })).toThrow(/"localTtlMs"/);
    }
    cluster.disconnect();
  });
});
