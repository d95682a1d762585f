import { createTenancy, memoryStore } from '@omnitenant/core';
import { testRedis } from '@omnitenant/tooling';
import { expect, test } from 'vitest';
import { createCache } from '../src/cache.ts';

test.each(['memory', 'redis'])('the bytes that each tenant writes are counted, and reads are not: %s', async (kind) => {
  await using redis = kind === 'redis' ? await testRedis() : undefined;
  const cache = createCache(redis && { redis: redis.url, prefix: redis.prefix });
  await using tenancy = createTenancy({ store: memoryStore(), resources: [cache], usage: true });
  for (const id of ['acme', 'beta']) await tenancy.tenants.create({ id });
  const text = 'ü'.repeat(100);
  await Promise.all([
    tenancy.run('acme', async () => {
      await cache.set('a', text);
      await cache.setMany([
        ['b', text],
        ['c', text],
      ]);
      await cache.getMany(['a', 'b', 'c']);
      await cache.getOrSet('a', () => text);
      await cache.getOrSet('d', () => text);
    }),
    tenancy.run('beta', () => cache.set('a', text)),
    tenancy.central(() => cache.set('a', text)),
  ]);
  expect(await tenancy.usage()).toMatchObject([
    { tenant: 'acme', cacheBytes: 4 * 202 },
    { tenant: 'beta', cacheBytes: 202 },
  ]);
});
