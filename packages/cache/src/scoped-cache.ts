import type { EventSender } from './cache-events.ts';
import { isDelay, isWhole } from './cache-options.ts';
import { checked, type EntryOptions, entryFormat, text } from './entry-format.ts';
import { type BuildTimes, getOrSet } from './get-or-set.ts';
import type { PendingBuilds } from './pending-builds.ts';
import type { Serializer } from './serializer.ts';
import type { CacheStore } from './stores/cache-store.ts';
import type { Owner } from './stores/owner.ts';

/** How to build an entry, and how to keep it. */
export interface BuildOptions extends EntryOptions {
  /** How long the build may take. Then its signal is aborted, and its caller gets a TimeoutError. Default: the cache's. */
  readonly buildTimeoutMs?: number | undefined;
  /** How long to wait for another caller's build of the key. Then this caller builds for itself. Default: the cache's. */
  readonly waitMs?: number | undefined;
}

/** The argument of a build. */
export interface BuildContext {
  /** Aborted when the build has taken too long. */
  readonly signal: AbortSignal;
}

/**
 * The cache of one scope. Keys and tags are any text. Values are plain data, also with `Date`, `Map`, `Set`, `bigint`,
 * `undefined`, bytes and `URL` in it; each caller gets its own copy, of the same types. Rejects with SERVER_UNAVAILABLE or
 * CONNECTIONS_EXHAUSTED if Redis is not available, and with a TypeError or RangeError for what cannot be kept.
 */
export interface ScopedCache {
  /** The value, or `undefined` if there is none. */
  get<Value = unknown>(key: string): Promise<Value | undefined>;
  /** The values under the keys, in the order of the keys. */
  getMany<Value = unknown>(keys: readonly string[]): Promise<(Value | undefined)[]>;
  has(key: string): Promise<boolean>;
  set(key: string, value: unknown, options?: EntryOptions): Promise<void>;
  /** Sets several entries, such as `Object.entries(values)` or a `Map`. */
  setMany(entries: Iterable<readonly [key: string, value: unknown]>, options?: EntryOptions): Promise<void>;
  /** Sets an entry if there is none. Resolves to whether it did. */
  add(key: string, value: unknown, options?: EntryOptions): Promise<boolean>;
  /** Lets an entry live for `ttlMs` from now on. Resolves to whether there was one. */
  touch(key: string, options?: Pick<EntryOptions, 'ttlMs'>): Promise<boolean>;
  /**
   * The value, or the result of `build` if there is none. Callers in this process who ask meanwhile share one build. The result
   * is not kept if it is `undefined`, or if the key was written or deleted, or one of the tags invalidated, during the build.
   * Rejects if `build` asks for the key that it builds.
   */
  getOrSet<Value>(
    key: string,
    build: (context: BuildContext) => Value | Promise<Value>,
    options?: BuildOptions,
  ): Promise<Value>;
  /** Adds a whole number to the entry, which starts at 0, and resolves to the sum. An existing entry keeps its time to live. */
  increment(key: string, by?: number, options?: Pick<EntryOptions, 'ttlMs'>): Promise<number>;
  /** Deletes an entry. Resolves to whether there was one. */
  delete(key: string): Promise<boolean>;
  /** Deletes all entries with one of the tags. Pass many tags as a list: JavaScript limits the arguments of a call. */
  invalidate(...tags: readonly (string | readonly string[])[]): Promise<void>;
  /** Deletes all entries of the tenant. */
  clear(): Promise<void>;
}

/** What a scope's cache is derived from. */
export interface ScopedCacheOptions {
  readonly store: CacheStore;
  readonly owner: Owner;
  readonly defaults: BuildTimes & { readonly ttlMs: number };
  readonly builds: PendingBuilds;
  readonly serializer: Serializer;
  readonly wrote: (text: string) => void;
  readonly events: EventSender;
}

/** The cache of one owner. */
export function scopedCache(options: ScopedCacheOptions): ScopedCache {
  const { store, owner, defaults, builds, serializer, wrote, events } = options;

  const { lifetime, written, parsed } = entryFormat({ defaults, serializer, wrote });

  async function getMany<Value>(keys: readonly string[]): Promise<(Value | undefined)[]> {
    const texts = await store.get(owner, keys.map(text));
    return texts.map((kept, index) => {
      events.found(owner, keys[index] ?? '', kept !== undefined);
      return parsed<Value | undefined>(kept?.text);
    });
  }

  /** Waits for a change, and then lets nobody join the builds it outdated, even if it failed. */
  async function changing<R>(change: Promise<R>, keys: readonly (string | undefined)[] = [undefined]): Promise<R> {
    try {
      return await change;
    } finally {
      for (const key of keys) builds.forget(owner, key);
    }
  }

  async function setMany(
    entries: Iterable<readonly [string, unknown]>,
    entryOptions: EntryOptions = {},
  ): Promise<void> {
    const texts = Array.from(entries, ([key, value]) => [text(key), written(key, value)] as const);
    const keys = texts.map(([key]) => key);
    await changing(store.set(owner, texts, lifetime(entryOptions)), keys);
  }

  return {
    getMany,
    setMany,

    async get<Value>(key: string) {
      const [value] = await getMany<Value>([key]);
      return value;
    },

    async has(key) {
      const [kept] = await store.get(owner, [text(key)]);
      return kept !== undefined;
    },

    async set(key, value, entryOptions) {
      await setMany([[key, value]], entryOptions);
    },

    async add(key, value, entryOptions = {}) {
      return changing(store.add(owner, text(key), written(key, value), lifetime(entryOptions)), [key]);
    },

    async touch(key, { ttlMs = defaults.ttlMs } = {}) {
      return store.touch(owner, text(key), checked('ttlMs', ttlMs, isWhole));
    },

    async getOrSet<Value>(
      key: string,
      build: (context: BuildContext) => Value | Promise<Value>,
      { buildTimeoutMs = defaults.buildTimeoutMs, waitMs = defaults.waitMs, ...entryOptions }: BuildOptions = {},
    ): Promise<Value> {
      const wanted = {
        ...lifetime(entryOptions),
        key: text(key),
        buildTimeoutMs: checked('buildTimeoutMs', buildTimeoutMs, isDelay),
        waitMs: checked('waitMs', waitMs, isDelay),
        build: async (signal: AbortSignal) => {
          const value = await build({ signal });
          return value === undefined ? undefined : written(key, value);
        },
      };
      const { text: built } = await getOrSet({ store, owner, builds, events }, wanted);
      return parsed<Value>(built);
    },

    async increment(key, by = 1, { ttlMs = defaults.ttlMs } = {}) {
      if (!Number.isSafeInteger(by)) throw new RangeError(`A counter is changed by a whole number, not by ${by}.`);
      const change = store.increment(owner, text(key), by, checked('ttlMs', ttlMs, isWhole));
      const sum = await changing(change, [key]);
      if (sum === undefined)
        throw new TypeError(`The value of "${key}" is not a whole number, so it cannot be counted.`);
      if (!Number.isSafeInteger(sum))
        throw new RangeError(`The counter "${key}" would pass 2^53, and no longer be exact.`);
      return sum;
    },

    async delete(key) {
      return changing(store.delete(owner, text(key)), [key]);
    },

    async invalidate(...tags) {
      const all = tags.flat().map(text);
      if (all.length > 0) await changing(store.invalidate(owner, all));
    },

    async clear() {
      await changing(store.clear(owner));
    },
  };
}
