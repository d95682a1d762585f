import { obtainable, type TestRedis, testRedis } from '@omnitenant/tooling';
import { array, assert, asyncProperty, constantFrom, oneof, record, subarray } from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CacheStore } from '../src/stores/cache-store.ts';
import { memoryStore } from '../src/stores/memory-store.ts';
import type { Owner } from '../src/stores/owner.ts';
import { redisStore } from '../src/stores/redis-store.ts';

const owner = constantFrom<Owner>('acme@1', 'acme@2', 'central');
const key = constantFrom('a', 'b', 'a:b');
const tags = subarray(['a', 'red', '*']);
const text = constantFrom('1', '"one"', '[1.5]');
const graceMs = constantFrom(0, 60_000);

/** What is done to a store, and what it answers; `leases` are those that it gave, by owner and key. */
type Step = (store: CacheStore, leases: Map<string, string>) => Promise<unknown>;

const step = oneof(
  record({ owner, key }).map(
    ({ owner, key }): Step =>
      async (store) =>
        (await store.get(owner, [key, 'b'])).map((kept) => kept?.text),
  ),
  record({ owner, key, text, tags, graceMs }).map(
    ({ owner, key, text, tags, graceMs }): Step =>
      (store) =>
        store.set(
          owner,
          [
            [key, text],
            ['b', '2'],
          ],
          { tags, graceMs, ttlMs: 60_000 },
        ),
  ),
  record({ owner, key, text, tags }).map(
    ({ owner, key, text, tags }): Step =>
      (store) =>
        store.add(owner, key, text, { tags, graceMs: 0, ttlMs: 60_000 }),
  ),
  record({ owner, key }).map(
    ({ owner, key }): Step =>
      (store) =>
        store.touch(owner, key, 90_000),
  ),
  record({ owner, key, tags }).map(
    ({ owner, key, tags }): Step =>
      async (store, leases) => {
        const found = await store.getOrLease(owner, key, { tags, ttlMs: 60_000 });
        if ('text' in found) return { ...found, leftMs: 0 };
        leases.set(`${owner}\n${key}`, found.lease);
        return 'leased';
      },
  ),
  record({ owner, key, text, tags }).map(
    ({ owner, key, text, tags }): Step =>
      async (store, leases) => {
        const lease = leases.get(`${owner}\n${key}`);
        if (lease !== undefined) await store.keep(owner, key, lease, text, { tags, graceMs: 0, ttlMs: 60_000 });
      },
  ),
  record({ owner, key }).map(
    ({ owner, key }): Step =>
      async (store, leases) => {
        const lease = leases.get(`${owner}\n${key}`);
        if (lease !== undefined) await store.release(owner, key, lease);
      },
  ),
  record({ owner, key }).map(
    ({ owner, key }): Step =>
      (store) =>
        store.delete(owner, key),
  ),
  record({ owner, key }).map(
    ({ owner, key }): Step =>
      (store) =>
        store.increment(owner, key, 2, 60_000),
  ),
  record({ owner, tags }).map(
    ({ owner, tags }): Step =>
      (store) =>
        store.invalidate(owner, tags),
  ),
  record({ owner }).map(
    ({ owner }): Step =>
      (store) =>
        store.clear(owner),
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
      memoryStore({ maxEntries: 1_000, maxBytes: 2 ** 20, tenantShare: 1 }),
      redisStore({ use: (work) => work(client), prefix, timeoutMs: 5_000, onError: () => {} }),
    ].map((store) => ({ store, leases: new Map<string, string>() }));
    for (const each of steps) {
      const [inMemory, inRedis] = await Promise.all(stores.map(({ store, leases }) => each(store, leases)));
      expect(inRedis).toEqual(inMemory);
    }
  });
  await assert(property, { numRuns: 200 });
});
