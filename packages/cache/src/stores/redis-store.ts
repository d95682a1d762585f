import { randomBytes } from 'node:crypto';
import { outside } from '@omnitenant/core';
import type { RedisClient } from '../connections/redis-client.ts';
import { Late, unavailable } from '../connections/server-errors.ts';
import { type CacheStore, type Entry, leaseTtl, type Space } from './cache-store.ts';
import {
  deleteScript,
  evaluate,
  getOrLeaseScript,
  getScript,
  incrementScript,
  invalidateScript,
  type Script,
  setScript,
} from './redis-scripts.ts';

/** Where a store in Redis keeps its entries. */
export interface RedisStoreOptions {
  /** Lends a client for `work`. */
  readonly use: <R>(work: (client: RedisClient) => Promise<R>) => Promise<R>;
  /** What its keys begin with. */
  readonly prefix: string;
  /** Milliseconds that an answer may take. */
  readonly timeout: number;
  readonly end: () => void;
}

/**
 * Entries in Redis, those of a space in two keys. The braces around the space's name bring both to one node of a cluster.
 */
export function redisStore({ use, prefix, timeout, end }: RedisStoreOptions): CacheStore {
  async function inRedis<R>(space: Space, work: (client: RedisClient, keys: string[]) => Promise<R>): Promise<R> {
    const keys = ['fields', 'ends'].map((kind) => `${prefix}{${space.name}}:${kind}`);
    try {
      // A connection that is made on the way serves other tenants too, and so belongs to none.
      return await within(
        timeout,
        outside(() => use((client) => work(client, keys))),
      );
    } catch (error) {
      throw unavailable(space, error);
    }
  }

  function run(space: Space, script: Script, ...args: (string | number)[]): Promise<unknown> {
    return inRedis(space, (client, keys) => evaluate(client, script, keys, args));
  }

  function write(space: Space, key: string, lease: string, { json, ttl, tags }: Entry): Promise<unknown> {
    return run(space, setScript, key, newName(), ttl, json, lease, ...tags);
  }

  return {
    async get(space, key) {
      const json = await run(space, getScript, key);
      return (json as string | null) ?? undefined;
    },

    async getOrLease(space, key, tags) {
      const answer = await run(space, getOrLeaseScript, key, newName(), leaseTtl, ...tags);
      const [there, text] = answer as [number, string];
      return there === 1 ? { json: text } : { lease: text };
    },

    async keep(space, key, lease, entry) {
      await write(space, key, lease, entry);
    },

    async set(space, key, entry) {
      await write(space, key, '', entry);
    },

    async delete(space, key) {
      return (await run(space, deleteScript, key)) === 1;
    },

    async increment(space, key, by, ttl) {
      const sum = await run(space, incrementScript, key, by, ttl);
      return sum === null ? undefined : Number(sum);
    },

    async invalidate(space, tags) {
      await run(space, invalidateScript, ...tags);
    },

    async clear(space) {
      await inRedis(space, (client, keys) => client.unlink(...keys));
    },

    end,
  };
}

function newName(): string {
  return randomBytes(12).toString('base64url');
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
