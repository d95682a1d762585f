import { isWhole } from './cache-options.ts';
import type { Flights } from './pending-builds.ts';
import type { CacheStore, Space } from './stores/cache-store.ts';

/** How an entry is kept. */
export interface EntryOptions {
  /** Milliseconds. Default: the tenant's `config.cache.ttl`, else the cache's. */
  readonly ttl?: number;
  /** What `invalidate` knows it by. */
  readonly tags?: readonly string[];
}

/**
 * The cache of one scope. Keys and tags are any text. Values are what JSON keeps of them, a copy for each who asks.
 * Rejects with SERVER_UNAVAILABLE or CONNECTIONS_EXHAUSTED where Redis cannot be used, and with a TypeError or RangeError for
 * what cannot be kept.
 */
export interface ScopedCache {
  /** The value, or `undefined` where there is none. */
  get<Value = unknown>(key: string): Promise<Value | undefined>;
  has(key: string): Promise<boolean>;
  set(key: string, value: unknown, options?: EntryOptions): Promise<void>;
  /**
   * The value, built where there is none: once for all who ask in this process meanwhile. It is not kept where the key was
   * written or deleted, or one of the tags invalidated, while it was built; nor where it is `undefined`.
   */
  getOrSet<Value>(key: string, build: () => Value | Promise<Value>, options?: EntryOptions): Promise<Value>;
  /** Adds a whole number to what is kept, which is 0 at first, and gives the sum. What is there keeps its time to live. */
  increment(key: string, by?: number, options?: Pick<EntryOptions, 'ttl'>): Promise<number>;
  /** Says whether there was one. */
  delete(key: string): Promise<boolean>;
  /** Forgets all entries that have one of the tags. */
  invalidate(...tags: string[]): Promise<void>;
  /** Forgets all that the tenant has. */
  clear(): Promise<void>;
}

/** What a scope's cache is derived from. */
export interface ScopedCacheOptions {
  readonly store: CacheStore;
  readonly space: Space;
  readonly ttl: number;
  readonly flights: Flights;
}

/** The cache of one space. */
export function scopedCache({ store, space, ttl: usual, flights }: ScopedCacheOptions): ScopedCache {
  async function get<Value>(key: string): Promise<Value | undefined> {
    return parsed<Value | undefined>(await store.get(space, text(key)));
  }

  /** Does what makes older flights stale, and lets nobody join them, however it went. */
  async function changing<R>(change: Promise<R>, key?: string): Promise<R> {
    try {
      return await change;
    } finally {
      flights.forget(space, key);
    }
  }

  return {
    get,

    async has(key) {
      return (await get(key)) !== undefined;
    },

    async set(key, value, { ttl = usual, tags = [] } = {}) {
      const json = JSON.stringify(value);
      if (json === undefined)
        throw new TypeError(`JSON has no way to keep the value of "${key}"; use delete() to forget it.`);
      await changing(store.set(space, text(key), { json, ttl: whole(ttl), tags: tags.map(text) }), key);
    },

    async getOrSet<Value>(
      key: string,
      build: () => Value | Promise<Value>,
      options: EntryOptions = {},
    ): Promise<Value> {
      const { ttl = usual, tags = [] } = options;
      const entry = { ttl: whole(ttl), tags: tags.map(text) };

      async function fly(): Promise<string | undefined> {
        const found = await store.getOrLease(space, text(key), entry.tags);
        if ('json' in found) return found.json;
        const json = JSON.stringify(await build());
        if (json !== undefined) await store.keep(space, key, found.lease, { ...entry, json });
        return json;
      }

      // Who joins another's flight does not share the fate of its scope: should it fail, there is one more.
      const others = await flights.get(space, key)?.then(
        (json) => ({ json }),
        () => undefined,
      );
      return parsed<Value>(others === undefined ? await flights.join(space, key, fly) : others.json);
    },

    async increment(key, by = 1, { ttl = usual } = {}) {
      if (!Number.isSafeInteger(by)) throw new RangeError(`A counter goes up and down by whole numbers, not by ${by}.`);
      const sum = await changing(store.increment(space, text(key), by, whole(ttl)), key);
      if (sum === undefined) throw new TypeError(`The value of "${key}" is no whole number, and cannot be counted on.`);
      return sum;
    },

    async delete(key) {
      return changing(store.delete(space, text(key)), key);
    },

    async invalidate(...tags) {
      if (tags.length > 0) await changing(store.invalidate(space, tags.map(text)));
    },

    async clear() {
      await changing(store.clear(space));
    },
  };
}

function parsed<Value>(json: string | undefined): Value {
  return (json === undefined ? undefined : JSON.parse(json)) as Value;
}

/** Text that is no well-formed Unicode would be mistaken for other text once it is written. */
function text(value: unknown): string {
  if (typeof value === 'string' && value.isWellFormed()) return value;
  throw new TypeError('A key or tag of the cache must be a well-formed string.');
}

function whole(ttl: number): number {
  if (isWhole(ttl)) return ttl;
  throw new RangeError(`A time to live is a positive whole number of milliseconds, not ${ttl}.`);
}
