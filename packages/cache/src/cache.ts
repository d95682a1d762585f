import type { TenantResource } from '@omnitenant/core';
import { handleOf, type ResourceVerbs, resource } from '@omnitenant/core/extend';
import { type CacheOptions, checkedOptions } from './cache-options.ts';
import { createConnections } from './connections/connections.ts';
import { connect, type RedisClient } from './connections/redis-client.ts';
import { createPendingBuilds } from './pending-builds.ts';
import { type ScopedCache, scopedCache } from './scoped-cache.ts';
import type { CacheStore } from './stores/cache-store.ts';
import { memoryStore } from './stores/memory-store.ts';
import { ownerOf } from './stores/owner.ts';
import { redisStore } from './stores/redis-store.ts';
import { isTenantCacheConfig, tenantCacheConfig } from './tenant-config.ts';

/**
 * A cache for many tenants: a resource for `createTenancy`, and a cache to inject once. In a scope it uses that scope's
 * entries; outside all scopes it rejects with OUTSIDE_SCOPE.
 */
export interface Cache extends TenantResource<ScopedCache>, ScopedCache {}

/**
 * Creates a cache. A tenant may have its own Redis and its own time to live, in `config.cache`: `{ redis, ttlMs }`.
 *
 * @throws CONFIG_INVALID for the first option that is wrong.
 *
 * @example
 * const cache = createCache({ redis: 'redis://localhost' });
 * const tenancy = createTenancy({ store, resources: [cache] });
 * await tenancy.run('acme', () => cache.getOrSet('report', () => build(), { ttlMs: 60_000, tags: ['reports'] }));
 */
export function createCache(options: CacheOptions = {}): Cache {
  const { name, redis, prefix, ttlMs, timeoutMs, maxEntries, connections: limits } = checkedOptions(options);
  const builds = createPendingBuilds();
  const common = redis === undefined ? memoryStore(maxEntries) : commonRedis(redis, prefix, timeoutMs);
  const connections = createConnections({ open: (url) => connect(url, timeoutMs), ...limits });

  function storeAt(url: string | undefined): CacheStore {
    if (url === undefined) return common;
    return redisStore({ use: (work) => connections.use(url, work), prefix, timeoutMs, end: () => {} });
  }

  const verbs: ResourceVerbs<ScopedCache> = {
    name,

    open(scope) {
      const own = scope.kind === 'tenant' ? tenantCacheConfig(scope.tenant) : {};
      return scopedCache({ store: storeAt(own.redis), owner: ownerOf(scope), ttlMs: own.ttlMs ?? ttlMs, builds });
    },

    async create(tenant) {
      tenantCacheConfig(tenant);
    },

    async destroy(tenant) {
      const owner = ownerOf({ kind: 'tenant', tenant });
      const { cache } = tenant.config;
      // The common store too: the tenant may have used it earlier. A config that is not valid never led to a Redis.
      const own = isTenantCacheConfig(cache) ? storeAt(cache.redis) : common;
      for (const store of new Set([common, own])) await store.clear(owner);
      builds.forget(owner);
    },

    async end() {
      connections.end();
      common.end();
    },
  };

  const cache: Cache = {
    [resource]: verbs,
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

function commonRedis(redis: string | RedisClient, prefix: string, timeoutMs: number): CacheStore {
  if (typeof redis !== 'string') return redisStore({ use: (work) => work(redis), prefix, timeoutMs, end: () => {} });
  const client = connect(redis, timeoutMs);
  return redisStore({ use: (work) => work(client), prefix, timeoutMs, end: () => client.disconnect() });
}
