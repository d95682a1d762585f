import { isWhole } from './cache-options.ts';
import type { PendingBuilds } from './pending-builds.ts';
import type { CacheStore } from './stores/cache-store.ts';
import type { Owner } from './stores/owner.ts';

/** How to keep an entry. */
export interface EntryOptions {
  /** Time to live. Default: the tenant's `config.cache.ttlMs`, else the cache's. */
  readonly ttlMs?: number | undefined;
  /** Tags by which `invalidate` finds the entry. */
  readonly tags?: readonly string[] | undefined;
}

/**
 * The cache of one scope. Keys and tags are any text. Values are kept as JSON; each caller gets its own copy.
 * Rejects with SERVER_UNAVAILABLE or CONNECTIONS_EXHAUSTED if Redis is not available, and with a TypeError or RangeError for
 * what cannot be kept.
 */
export interface ScopedCache {
  /** The value, or `undefined` if there is none. */
  get<Value = unknown>(key: string): Promise<Value | undefined>;
  has(key: string): Promise<boolean>;
  set(key: string, value: unknown, options?: EntryOptions): Promise<void>;
  /**
   * The value, or the result of `build` if there is none. Callers in this process who ask meanwhile share one build. The result
   * is not kept if it is `undefined`, or if the key was written or deleted, or one of the tags invalidated, during the build.
   */
  getOrSet<Value>(key: string, build: () => Value | Promise<Value>, options?: EntryOptions): Promise<Value>;
  /** Adds a whole number to the entry, which starts at 0, and resolves to the sum. An existing entry keeps its time to live. */
  increment(key: string, by?: number, options?: Pick<EntryOptions, 'ttlMs'>): Promise<number>;
  /** Deletes an entry. Resolves to whether there was one. */
  delete(key: string): Promise<boolean>;
  /** Deletes all entries with one of the tags. */
  invalidate(...tags: string[]): Promise<void>;
  /** Deletes all entries of the tenant. */
  clear(): Promise<void>;
}

/** What a scope's cache is derived from. */
export interface ScopedCacheOptions {
  readonly store: CacheStore;
  readonly owner: Owner;
  readonly ttlMs: number;
  readonly builds: PendingBuilds;
}

/** The cache of one owner. */
export function scopedCache({ store, owner, ttlMs: defaultTtlMs, builds }: ScopedCacheOptions): ScopedCache {
  async function get<Value>(key: string): Promise<Value | undefined> {
    return parsed<Value | undefined>(await store.get(owner, text(key)));
  }

  /** Waits for a change, and then lets nobody join the builds it outdated, even if it failed. */
  async function changing<R>(change: Promise<R>, key?: string): Promise<R> {
    try {
      return await change;
    } finally {
      builds.forget(owner, key);
    }
  }

  return {
    get,

    async has(key) {
      return (await get(key)) !== undefined;
    },

    async set(key, value, { ttlMs = defaultTtlMs, tags = [] } = {}) {
      const json = JSON.stringify(value);
      if (json === undefined)
        throw new TypeError(`The value of "${key}" cannot be written as JSON; use delete() to remove an entry.`);
      await changing(store.set(owner, text(key), { json, ttlMs: whole(ttlMs), tags: tags.map(text) }), key);
    },

    async getOrSet<Value>(
      key: string,
      build: () => Value | Promise<Value>,
      { ttlMs = defaultTtlMs, tags = [] }: EntryOptions = {},
    ): Promise<Value> {
      const entry = { ttlMs: whole(ttlMs), tags: tags.map(text) };

      async function buildAndKeep(): Promise<string | undefined> {
        const found = await store.getOrLease(owner, text(key), entry.tags);
        if ('json' in found) return found.json;
        let json: string | undefined;
        try {
          json = JSON.stringify(await build());
        } finally {
          // A lease that cannot be released ends by itself.
          if (json === undefined) await store.release(owner, key, found.lease).catch(() => {});
        }
        if (json !== undefined) await store.keep(owner, key, found.lease, { ...entry, json });
        return json;
      }

      // A pending build belongs to another scope. If it fails, this caller builds once more, in its own.
      const others = await builds.get(owner, key)?.then(
        (json) => ({ json }),
        () => undefined,
      );
      return parsed<Value>(others === undefined ? await builds.join(owner, key, buildAndKeep) : others.json);
    },

    async increment(key, by = 1, { ttlMs = defaultTtlMs } = {}) {
      if (!Number.isSafeInteger(by)) throw new RangeError(`A counter is changed by a whole number, not by ${by}.`);
      const sum = await changing(store.increment(owner, text(key), by, whole(ttlMs)), key);
      if (sum === undefined)
        throw new TypeError(`The value of "${key}" is not a whole number, so it cannot be counted.`);
      if (!Number.isSafeInteger(sum))
        throw new RangeError(`The counter "${key}" would pass 2^53, and no longer be exact.`);
      return sum;
    },

    async delete(key) {
      return changing(store.delete(owner, text(key)), key);
    },

    async invalidate(...tags) {
      if (tags.length > 0) await changing(store.invalidate(owner, tags.map(text)));
    },

    async clear() {
      await changing(store.clear(owner));
    },
  };
}

function parsed<Value>(json: string | undefined): Value {
  return (json === undefined ? undefined : JSON.parse(json)) as Value;
}

/** Refuses text that is not well-formed Unicode: writing it would turn it into other text. */
function text(value: unknown): string {
  if (typeof value === 'string' && value.isWellFormed()) return value;
  throw new TypeError('A key or tag of the cache must be a well-formed string.');
}

function whole(ttlMs: number): number {
  if (isWhole(ttlMs)) return ttlMs;
  throw new RangeError(`"ttlMs" must be a positive whole number, not ${ttlMs}.`);
}
