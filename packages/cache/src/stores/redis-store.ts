import { randomBytes } from 'node:crypto';
import { outside } from '@omnitenant/core';
import type { RedisClient } from '../connections/redis-client.ts';
import { Late, unavailable } from '../connections/server-errors.ts';
import type { CacheStore, Found, Lifetime } from './cache-store.ts';
import { type Owner, tenantIdOf } from './owner.ts';
import {
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
  readonly end: () => void;
}

/** How many keys or entries one script takes, and how many tags: Redis does nothing else meanwhile. */
const [keysAtOnce, tagsAtOnce] = [500, 5_000];

/** Keeps entries in Redis, those of an owner in one key. The braces put the same owner's on one node of a cluster. */
export function redisStore({ use, prefix, timeoutMs, onError, end }: RedisStoreOptions): CacheStore {
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

  function run(owner: Owner, script: Script, args: readonly (string | number)[]): Promise<unknown> {
    return inRedis(owner, (client, key) => evaluate(client, script, key, args));
  }

  async function write(owner: Owner, only: string, lifetime: Lifetime, entries: readonly string[]): Promise<boolean> {
    const { ttlMs, graceMs, tags } = lifetime;
    return (await run(owner, setScript, [only, newName(), ttlMs, graceMs, JSON.stringify(tags), ...entries])) === 1;
  }

  return {
    async get(owner, keys) {
      const texts: (string | undefined)[] = [];
      for (const some of chunks(keys, keysAtOnce)) {
        const found = (await run(owner, getScript, some)) as (string | null)[];
        for (const text of found) texts.push(text ?? undefined);
      }
      return texts;
    },

    async getOrLease(owner, key, { tags, ttlMs }): Promise<Found> {
      const answer = await run(owner, getOrLeaseScript, [key, newName(), ttlMs, JSON.stringify(tags)]);
      const [text, stale, lease] = answer as (string | null)[];
      if (typeof text === 'string') return { text, stale: false };
      if (typeof lease === 'string') return { lease, stale: stale ?? undefined };
      return { text: stale as string, stale: true };
    },

    async keep(owner, key, lease, text, lifetime) {
      await write(owner, lease, lifetime, [key, text]);
    },

    async release(owner, key, lease) {
      await run(owner, releaseScript, [key, lease]);
    },

    async set(owner, entries, lifetime) {
      for (const some of chunks(entries, keysAtOnce)) await write(owner, '', lifetime, some.flat());
    },

    add: (owner, key, text, lifetime) => write(owner, '*', lifetime, [key, text]),

    async touch(owner, key, ttlMs) {
      return (await run(owner, touchScript, [key, ttlMs])) === 1;
    },

    async delete(owner, key) {
      return (await run(owner, deleteScript, [key])) === 1;
    },

    async increment(owner, key, by, ttlMs) {
      const sum = await run(owner, incrementScript, [key, by, ttlMs]);
      return sum === null ? undefined : Number(sum);
    },

    async invalidate(owner, tags) {
      for (const some of chunks(tags, tagsAtOnce)) await run(owner, invalidateScript, [JSON.stringify(some)]);
    },

    async clear(owner) {
      await inRedis(owner, (client, key) => client.unlink(key));
    },

    end,
  };
}

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
