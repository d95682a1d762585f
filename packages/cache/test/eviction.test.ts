import { obtainable, testRedisServer } from '@omnitenant/tooling';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createCache } from '../src/cache.ts';
import { type Application, application } from './fixtures/application.ts';

describe.skipIf(!(await obtainable('redis-server')))('a Redis that makes room', () => {
  let server: Awaited<ReturnType<typeof testRedisServer>>;
  let admin: Redis;

  beforeAll(async () => {
    server = await testRedisServer();
    admin = new Redis(server.url);
  });
  beforeEach(async () => {
    await admin.config('SET', 'maxmemory', 0);
    await admin.flushall();
    await admin.config('RESETSTAT');
  });
  afterAll(async () => {
    admin.disconnect();
    await server.stop();
  });

  const numbers = Array.from({ length: 60 }, (_, n) => n);

  /** Lets 60 tenants write more than there is room for, in rounds, so that some write again after they were evicted. */
  async function fill({ cache, tenancy }: Application): Promise<void> {
    const used = Number(/used_memory:(\d+)/.exec(await admin.info('memory'))?.[1]);
    await admin.config('SET', 'maxmemory', used + 4 * 2 ** 20);
    for (const n of numbers) await tenancy.tenants.create({ id: `t${n}` });
    for (let round = 0; round < 3; round += 1) {
      for (const n of numbers) {
        await tenancy.run(`t${n}`, async () => {
          const writes = numbers.map((entry) =>
            cache.set(`entry-${round}-${entry}`, 'x'.repeat(500), {
              tags: [`tag-${entry % 5}`],
              ttlMs: 60_000 + 1_000 * n,
            }),
          );
          await Promise.all([...writes, cache.increment('hits')]);
        });
      }
    }
  }

  /** How many entries Redis holds, and how many of them their tenants find. */
  async function held({ cache, tenancy }: Application) {
    await admin.config('SET', 'maxmemory', 0); // Asking takes memory too.
    const keys = await admin.keys('*');
    let [there, found] = [0, 0];
    for (const key of keys.filter((one) => !one.endsWith(':ends'))) {
      const entries = (await admin.hkeys(key)).filter((field) => field.startsWith('e')).map((field) => field.slice(1));
      const id = /\{(.+)@/.exec(key)?.[1] ?? '';
      const known = await tenancy.run(id, () => Promise.all(entries.map((entry) => cache.has(entry))));
      there += known.length;
      found += known.filter(Boolean).length;
    }
    return { keys: keys.length, there, found };
  }

  test.each(['allkeys-lru', 'allkeys-random', 'volatile-ttl'])(
    'by %s takes what a tenant has as a whole, and leaves nothing that nobody finds',
    async (policy) => {
      await admin.config('SET', 'maxmemory-policy', policy);
      const app = await application(createCache({ redis: server.url }));
      await using _ = app.tenancy;
      await fill(app);
      const evicted = Number(/evicted_keys:(\d+)/.exec(await admin.info('stats'))?.[1]);
      const { keys, there, found } = await held(app);
      expect(evicted).toBeGreaterThan(20);
      expect(there).toBeGreaterThan(1_000);
      expect({ keys: keys <= numbers.length, dead: there - found }).toEqual({ keys: true, dead: 0 });
    },
    30_000,
  );

  test('writes leave few fields behind whose time is over, or whose tag was invalidated', async () => {
    const { cache, tenancy } = await application(createCache({ redis: server.url }));
    await using _ = tenancy;
    await tenancy.run('acme', async () => {
      const entries = Array.from({ length: 1_000 }, (_unused, n) => [`${n}`, n] as const);
      await cache.setMany(entries, { ttlMs: 1 });
      await cache.setMany(
        entries.map(([key, n]) => [`red ${key}`, n]),
        { tags: ['red'] },
      );
      await cache.invalidate('red');
      for (let n = 0; n < 400; n += 1) await cache.set('kept', n);
      const [key = ''] = await admin.keys('*');
      expect(await admin.hlen(key)).toBeLessThan(20);
      expect(await cache.get('kept')).toBe(399);
    });
  });
});
