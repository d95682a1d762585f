import type { Nudge, Tenant, TenantResource } from '@omnitenant/core';
import { handleOf, type ResourceScope, type ResourceVerbs, resource, usageOf } from '@omnitenant/core/extend';
import { type CacheEvents, createEventSender } from './cache-events.ts';
import { type CacheOptions, type CheckedOptions, checkedOptions } from './cache-options.ts';
import type { CacheStats } from './cache-stats.ts';
import { createConnections } from './connections/connections.ts';
import { connect, isDuplicable, type RedisClient, subscriberOf } from './connections/redis-client.ts';
import { reasonOf } from './connections/server-errors.ts';
import { createNudge } from './nudge.ts';
import { createPendingBuilds } from './pending-builds.ts';
import { type ScopedCache, scopedCache } from './scoped-cache.ts';
import { countable } from './serializer.ts';
import type { CacheStore } from './stores/cache-store.ts';
import { changeListener } from './stores/change-listener.ts';
import { layeredStore } from './stores/layered-store.ts';
import { memoryStore } from './stores/memory-store.ts';
import { ownerOf } from './stores/owner.ts';
import { type RedisStoreOptions, redisStore } from './stores/redis-store.ts';
import { isTenantCacheConfig, tenantCacheConfig } from './tenant-config.ts';

/**
 * A cache for many tenants: a resource for `createTenancy`, and a cache to inject once. In a scope it uses that scope's
 * entries; outside all scopes it rejects with OUTSIDE_SCOPE.
 */
export interface Cache extends TenantResource<ScopedCache>, ScopedCache {
  /**
   * Adds a handler of hits, misses and errors of all tenants, and returns a function that removes it. It is called synchronously,
   * often in the scope of the caller, so it should be fast.
   */
  on<N extends keyof CacheEvents>(name: N, handler: (event: CacheEvents[N]) => void): () => void;
  /** What this process has counted so far, over all tenants. */
  stats(): CacheStats;
  /**
   * What makes changes of tenants reach other processes in milliseconds, for the option `nudge` of `createTenancy`: Redis tells
   * the processes whose caches have the same prefix.
   *
   * @throws CONFIG_INVALID without a Redis, and with a Cluster.
   */
  nudge(): Nudge;
}

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
  const checked = checkedOptions(options);
  const { name, prefix, ttlMs, timeoutMs } = checked;
  const builds = createPendingBuilds();
  const events = createEventSender();
  const serializer = countable(checked.serializer);
  const server = { prefix, timeoutMs, onError: events.failed };
  const own = typeof checked.redis === 'string' ? connect(checked.redis, timeoutMs) : undefined;
  const client = own ?? (checked.redis as RedisClient | undefined);
  const common = client === undefined ? memoryStore(checked.memory) : commonStore(client, checked, server);
  const connections = createConnections({ open: (url) => connect(url, timeoutMs), ...checked.connections });

  function storeAt(url: string | undefined): CacheStore {
    if (url === undefined) return common;
    return redisStore({ ...server, use: (work) => connections.use(url, work) });
  }

  /** Removes everything of the tenant. */
  async function clear(tenant: Tenant): Promise<void> {
    const owner = ownerOf({ kind: 'tenant', tenant });
    const { cache } = tenant.config;
    // The common store too: the tenant may have used it earlier. A config that is not valid never led to a Redis.
    const own = isTenantCacheConfig(cache) ? storeAt(cache.redis) : common;
    for (const store of new Set([common, own])) await store.clear(owner);
    builds.forget(owner);
  }

  const verbs: ResourceVerbs<ScopedCache> = {
    name,

    open(scope) {
      const own = scope.kind === 'tenant' ? tenantCacheConfig(scope.tenant) : {};
      const defaults = { ...checked.builds, ttlMs: own.ttlMs ?? ttlMs };
      const kept = { store: storeAt(own.redis), owner: ownerOf(scope), defaults };
      return scopedCache({ ...kept, builds, serializer, wrote: counting(scope), events });
    },

    async create(tenant) {
      tenantCacheConfig(tenant);
    },

    restored: clear,
    destroy: clear,

    probes: client === undefined ? [] : [{ name: `${name}: Redis`, check: () => answers(client) }],

    async end() {
      connections.end();
      common.end();
      own?.disconnect();
    },
  };

  const cache: Cache = {
    [resource]: verbs,
    on: events.on,
    stats: events.stats,
    nudge: () => createNudge(client, prefix),
    ...inScope(() => handleOf(cache)),
  };
  return cache;
}

/** Counts what is written for the tenant of a scope, where usage is counted. */
function counting(scope: ResourceScope): (text: string) => void {
  return (text) => {
    const used = usageOf(scope);
    if (used !== undefined) used.cacheBytes += Buffer.byteLength(text);
  };
}

/** The client's own message may hold a password. */
async function answers(client: RedisClient): Promise<void> {
  await client.eval('return 1', 0).catch((error: unknown) => {
    throw new Error(`The cache is not available: ${reasonOf(error)}.`);
  });
}

/** The methods of a cache, each of the scope that it is called in. */
function inScope(handle: () => ScopedCache): ScopedCache {
  return {
    get: async (key) => handle().get(key),
    getMany: async (keys) => handle().getMany(keys),
    has: async (key) => handle().has(key),
    set: async (key, value, options) => handle().set(key, value, options),
    setMany: async (entries, options) => handle().setMany(entries, options),
    add: async (key, value, options) => handle().add(key, value, options),
    touch: async (key, options) => handle().touch(key, options),
    getOrSet: async (key, build, options) => handle().getOrSet(key, build, options),
    increment: async (key, by, options) => handle().increment(key, by, options),
    delete: async (key) => handle().delete(key),
    invalidate: async (...tags) => handle().invalidate(...tags),
    clear: async () => handle().clear(),
  };
}

type Server = Pick<RedisStoreOptions, 'prefix' | 'timeoutMs' | 'onError'>;

/** Where in Redis the entries of tenants are that have none of their own. */
function commonStore(client: RedisClient, { memory, localTtlMs, prefix }: CheckedOptions, server: Server): CacheStore {
  const inRedis = {
    ...server,
    use: <R>(work: (lent: RedisClient) => Promise<R>) => work(client),
  };
  if (localTtlMs === undefined || !isDuplicable(client)) return redisStore(inRedis);
  const channel = `${prefix}changes`;
  const changes = changeListener(() => subscriberOf(client), channel);
  return layeredStore(redisStore({ ...inRedis, channel }), { memory, ttlMs: localTtlMs, changes });
}
