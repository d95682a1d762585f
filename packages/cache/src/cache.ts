import { handleOf, type ResourceScope, type TenantResource } from '@omnitenant/core';
import { type CacheOptions, checkedOptions } from './cache-options.ts';
import { createConnections } from './connections/connections.ts';
import { connect, type RedisClient } from './connections/redis-client.ts';
import { createFlights } from './pending-builds.ts';
import { type ScopedCache, scopedCache } from './scoped-cache.ts';
import type { CacheStore } from './stores/cache-store.ts';
import { memoryStore } from './stores/memory-store.ts';
import { spaceOf } from './stores/owner.ts';
import { redisStore } from './stores/redis-store.ts';
import { isTenantCacheConfig, tenantCacheConfig } from './tenant-config.ts';

/**
 * A cache for many tenants: the resource to give to `createTenancy`, and the cache to inject, once. Inside a scope it is that
 * scope's; outside it rejects with OUTSIDE_SCOPE.
 */
export interface Cache extends TenantResource<ScopedCache>, ScopedCache {}

/**
 * Creates a cache. A tenant may have a Redis and a time to live of its own, in `config.cache`: `{ redis, ttl }`.
 *
 * @throws CONFIG_INVALID with one sentence on what is wrong.
 *
 * @example
 * const cache = createCache({ redis: 'redis://localhost' });
 * const tenancy = createTenancy({ store, resources: [cache] });
 * await tenancy.run('acme', () => cache.getOrSet('report', () => build(), { ttl: 60_000, tags: ['reports'] }));
 */
export function createCache(options: CacheOptions = {}): Cache {
  const { name, redis, prefix, ttl, timeout, maxEntries, connections: limits } = checkedOptions(options);
  const flights = createFlights();
  const common = redis === undefined ? memoryStore(maxEntries) : commonRedis(redis, prefix, timeout);
  const connections = createConnections({ open: (url) => connect(url, timeout), ...limits });

  function storeAt(url: string | undefined): CacheStore {
    if (url === undefined) return common;
    return redisStore({ use: (work) => connections.use(url, work), prefix, timeout, end: () => {} });
  }

  const cache: Cache = {
    name,

    open(scope: ResourceScope) {
      const own = scope.kind === 'tenant' ? tenantCacheConfig(scope.tenant) : {};
      return scopedCache({ store: storeAt(own.redis), space: spaceOf(scope), ttl: own.ttl ?? ttl, flights });
    },

    async create(tenant) {
      tenantCacheConfig(tenant);
    },

    async destroy(tenant) {
      const space = spaceOf({ kind: 'tenant', tenant });
      const { cache } = tenant.config;
      // Common too: it may have been there before it had a Redis of its own. A config that says nothing led nowhere.
      const own = isTenantCacheConfig(cache) ? storeAt(cache.redis) : common;
      for (const store of new Set([common, own])) await store.clear(space);
      flights.forget(space);
    },

    async end() {
      connections.end();
      common.end();
    },

    get: async (key) => handleOf(cache).get(key),
    has: async (key) => handleOf(cache).has(key),
    set: async (key, value, entry) => handleOf(cache).set(key, value, entry),
    getOrSet: async (key, build, entry) => handleOf(cache).getOrSet(key, build, entry),
    increment: async (key, by, entry) => handleOf(cache).increment(key, by, entry),
    delete: async (key) => handleOf(cache).delete(key),
    invalidate: async (...tags) => handleOf(cache).invalidate(...tags),
    clear: async () => handleOf(cache).clear(),
  };
  return cache;
}

function commonRedis(redis: string | RedisClient, prefix: string, timeout: number): CacheStore {
  if (typeof redis !== 'string') return redisStore({ use: (work) => work(redis), prefix, timeout, end: () => {} });
  const client = connect(redis, timeout);
  return redisStore({ use: (work) => work(client), prefix, timeout, end: () => client.disconnect() });
}
