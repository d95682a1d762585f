import { randomBytes } from 'node:crypto';
import { outside } from '@omnitenant/core';
import type { RedisClient } from '../connections/redis-client.ts';
import { Late, unavailable } from '../connections/server-errors.ts';
import type { CacheStore, Found, Kept, Lifetime } from './cache-store.ts';
import { type Owner, tenantIdOf } from './owner.ts';
import {
  clearScript,
  deleteScript,
  evaluate,
  getOrLeaseScript,
  getScript,
  incrementScript,
  invalidateScript,
  releaseScript,
  type Script,
  setScript,
  touchScript,
} from './redis-scripts.ts';

/** The options of a store in Redis. */
export interface RedisStoreOptions {
  /** Lends a client for `work`. */
  readonly use: <R>(work: (client: RedisClient) => Promise<R>) => Promise<R>;
  /** The prefix of its keys. */
  readonly prefix: string;
  /** How long to wait for an answer. */
  readonly timeoutMs: number;
  readonly onError: (owner: Owner, error: unknown) => void;
  /** Where each change is published, as the JSON of a `Change`. Default: nowhere. */
  readonly channel?: string | undefined;
}

/** What has changed: the entries under some keys of an owner, or any of them. */
export interface Change {
  readonly owner: Owner;
  readonly keys?: readonly string[] | undefined;
}

/** How many keys or entries one script takes, and how many tags: Redis does nothing else meanwhile. */
const [keysAtOnce, tagsAtOnce] = [500, 5_000];

/** Keeps entries in Redis, those of an owner in one key. The braces put the same owner's on one node of a cluster. */
export function redisStore({ use, prefix, timeoutMs, onError, channel }: RedisStoreOptions): CacheStore {
  async function inRedis<R>(owner: Owner, work: (client: RedisClient, key: string) => Promise<R>): Promise<R> {
    try {
      // A connection opened on the way serves other tenants too, so it is opened outside all scopes.
      return await within(
        timeoutMs,
        outside(() => use((client) => work(client, `${prefix}{${owner}}`))),
      );
    } catch (reason) {
      const error = unavailable(tenantIdOf(owner), reason);
      onError(owner, error);
      throw error;
    }
  }

  function run(owner: Owner, script: Script, args: Args, ...published: [string, string] | []): Promise<unknown> {
    const [where, what] = published.length === 0 ? ['', ''] : published;
    return inRedis(owner, (client, key) => evaluate(client, script, key, [...args, where, what]));
  }

  /** Changes the entries under the keys, or any of the owner's. */
  function change(owner: Owner, script: Script, args: Args, keys?: readonly string[]): Promise<unknown> {
    return channel === undefined
      ? run(owner, script, args)
      : run(owner, script, args, channel, JSON.stringify({ owner, keys } satisfies Change));
  }

  async function write(owner: Owner, only: string, lifetime: Lifetime, entries: readonly Pair[]): Promise<boolean> {
    const { ttlMs, graceMs, tags } = lifetime;
    const args = [only, newName(), ttlMs, graceMs, JSON.stringify(tags), ...entries.flat()];
    const keys = entries.map(([key]) => key);
    return (await change(owner, setScript, args, keys)) === 1;
  }

  return {
    async get(owner, keys) {
      const texts: (Kept | undefined)[] = [];
      for (const some of chunks(keys, keysAtOnce)) {
        const found = (await run(owner, getScript, some)) as (string | number | null)[];
        for (const at of some.keys()) {
          const [text, leftMs] = [found[2 * at], found[2 * at + 1]];
          texts.push(typeof text === 'string' ? { text, leftMs: Number(leftMs) } : undefined);
        }
      }
      return texts;
    },

    async getOrLease(owner, key, { tags, ttlMs }): Promise<Found> {
      const answer = await run(owner, getOrLeaseScript, [key, newName(), ttlMs, JSON.stringify(tags)]);
      const [text, stale, lease] = answer as (string | number | null)[];
      if (typeof text === 'string') return { text, leftMs: Number(stale), stale: false };
      const older = typeof stale === 'string' ? stale : undefined;
      return typeof lease === 'string' ? { lease, stale: older } : { text: older ?? '', leftMs: 0, stale: true };
    },

    async keep(owner, key, lease, text, lifetime) {
      await write(owner, lease, lifetime, [[key, text]]);
    },

    async release(owner, key, lease) {
      await run(owner, releaseScript, [key, lease]);
    },

    async set(owner, entries, lifetime) {
      for (const some of chunks(entries, keysAtOnce)) await write(owner, '', lifetime, some);
    },

    add: (owner, key, text, lifetime) => write(owner, '*', lifetime, [[key, text]]),

    async touch(owner, key, ttlMs) {
      return (await change(owner, touchScript, [key, ttlMs], [key])) === 1;
    },

    async delete(owner, key) {
      return (await change(owner, deleteScript, [key], [key])) === 1;
    },

    async increment(owner, key, by, ttlMs) {
      const sum = await change(owner, incrementScript, [key, by, ttlMs], [key]);
      return sum === null ? undefined : Number(sum);
    },

    async invalidate(owner, tags) {
      for (const some of chunks(tags, tagsAtOnce)) await change(owner, invalidateScript, [JSON.stringify(some)]);
    },

    async clear(owner) {
      await change(owner, clearScript, []);
    },

    end() {},
  };
}

type Args = readonly (string | number)[];

type Pair = readonly [key: string, text: string];

function newName(): string {
  return randomBytes(12).toString('base64url');
}

function* chunks<Item>(items: readonly Item[], size: number): Generator<readonly Item[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}

async function within<R>(ms: number, work: Promise<R>): Promise<R> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Late(ms)), ms);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
