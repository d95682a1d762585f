import { createTenancy, memoryStore } from '@omnitenant/core';
import { testRedis } from '@omnitenant/tooling';
import { expect, onTestFinished, test } from 'vitest';
import { createCache } from '../src/cache.ts';

async function checksOf(...caches: Parameters<typeof createCache>[0][]) {
  const resources = caches.map((options) => createCache(options));
  await using tenancy = createTenancy({ store: memoryStore(), resources });
  const { ready, checks } = await tenancy.health({ timeoutMs: 60_000 });
  return { ready, checks: checks.filter(({ name }) => name.endsWith('Redis')) };
}

test('health asks the Redis of a cache; a cache in memory has nothing to ask', async () => {
  const redis = await testRedis();
  onTestFinished(redis.drop);
  expect(await checksOf({ redis: redis.url, prefix: redis.prefix }, { name: 'memory' })).toMatchObject({
    ready: true,
    checks: [{ name: 'cache: Redis', status: 'ok' }],
  });
});

test('a Redis that is down makes the process unready, and shows no password', async () => {
  const { ready, checks } = await checksOf({ redis: 'redis://:confidential@127.0.0.1:1', timeoutMs: 500 });
  expect(ready).toBe(false);
  expect(checks).toMatchObject([{ status: 'failed', reason: expect.stringContaining('The cache is not available') }]);
  expect(JSON.stringify(checks)).not.toContain('confidential');
});
