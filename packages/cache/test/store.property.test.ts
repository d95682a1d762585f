import { obtainable, type TestRedis, testRedis } from '@omnitenant/tooling';
import { array, assert, asyncProperty, constantFrom, oneof, record, subarray } from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CacheStore, Space } from '../src/stores/cache-store.ts';
import { memoryStore } from '../src/stores/memory-store.ts';
import { redisStore } from '../src/stores/redis-store.ts';

const space = constantFrom<Space>(
  { name: 'acme@1', tenant: 'acme' },
  { name: 'acme@2', tenant: 'acme' },
  { name: 'central' },
);
const key = constantFrom('a', 'b', 'a:b');
const tags = subarray(['a', 'red', '*']);
const json = constantFrom('1', '"one"', '[1.5]');

/** What is done to a store, and what it answers; `leases` are those that it gave, by space and key. */
type Step = (store: CacheStore, leases: Map<string, string>) => Promise<unknown>;

const step = oneof(
  record({ space, key }).map(
    ({ space, key }): Step =>
      (store) =>
        store.get(space, key),
  ),
  record({ space, key, json, tags }).map(
    ({ space, key, json, tags }): Step =>
      (store) =>
        store.set(space, key, { json, tags, ttl: 60_000 }),
  ),
  record({ space, key, tags }).map(
    ({ space, key, tags }): Step =>
      async (store, leases) => {
        const found = await store.getOrLease(space, key, tags);
        if ('json' in found) return found;
        leases.set(`${space.name}\n${key}`, found.lease);
        return 'leased';
      },
  ),
  record({ space, key, json, tags }).map(
    ({ space, key, json, tags }): Step =>
      async (store, leases) => {
        const lease = leases.get(`${space.name}\n${key}`);
        if (lease !== undefined) await store.keep(space, key, lease, { json, tags, ttl: 60_000 });
      },
  ),
  record({ space, key }).map(
    ({ space, key }): Step =>
      (store) =>
        store.delete(space, key),
  ),
  record({ space, key }).map(
    ({ space, key }): Step =>
      (store) =>
        store.increment(space, key, 2, 60_000),
  ),
  record({ space, tags }).map(
    ({ space, tags }): Step =>
      (store) =>
        store.invalidate(space, tags),
  ),
  record({ space }).map(
    ({ space }): Step =>
      (store) =>
        store.clear(space),
  ),
);

const hasRedis = await obtainable('redis-server');
let redis: TestRedis;
let client: Redis;
beforeAll(async () => {
  if (!hasRedis) return;
  redis = await testRedis();
  client = new Redis(redis.url);
});
afterAll(async () => {
  client?.disconnect();
  await redis?.drop();
});

test.skipIf(!hasRedis)('what is done to a store in Redis has the answers of one in memory', async () => {
  let run = 0;
  const property = asyncProperty(array(step, { maxLength: 40 }), async (steps) => {
    run += 1;
    const prefix = `${redis.prefix}${run}:`;
    const stores = [
      memoryStore(1_000),
      redisStore({ use: (work) => work(client), prefix, timeout: 5_000, end: () => {} }),
    ].map((store) => ({ store, leases: new Map<string, string>() }));
    for (const each of steps) {
      const [inMemory, inRedis] = await Promise.all(stores.map(({ store, leases }) => each(store, leases)));
      expect(inRedis).toEqual(inMemory);
    }
  });
  await assert(property, { numRuns: 200 });
});
