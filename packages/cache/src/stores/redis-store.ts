import { randomBytes } from 'node:crypto';
import { outside } from '@omnitenant/core';
import type { RedisClient } from '../connections/redis-client.ts';
import { Late, unavailable } from '../connections/server-errors.ts';
import { type CacheStore, type Entry, leaseTtlMs } from './cache-store.ts';
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
} from './redis-scripts.ts';

/** The options of a store in Redis. */
export interface RedisStoreOptions {
  /** Lends a client for `work`. */
  readonly use: <R>(work: (client: RedisClient) => Promise<R>) => Promise<R>;
  /** The prefix of its keys. */
  readonly prefix: string;
  /** How long to wait for an answer. */
  readonly timeoutMs: number;
  readonly end: () => void;
}

/** Keeps entries in Redis, those of an owner in two keys. The braces around the owner put both on one node of a cluster. */
export function redisStore({ use, prefix, timeoutMs, end }: RedisStoreOptions): CacheStore {
  async function inRedis<R>(owner: Owner, work: (client: RedisClient, keys: string[]) => Promise<R>): Promise<R> {
    const keys = ['fields', 'ends'].map((kind) => `${prefix}{${owner}}:${kind}`);
    try {
      // A connection opened on the way serves other tenants too, so it is opened outside all scopes.
      return await within(
        timeoutMs,
        outside(() => use((client) => work(client, keys))),
      );
    } catch (error) {
      throw unavailable(tenantIdOf(owner), error);
    }
  }

  function run(owner: Owner, script: Script, ...args: (string | number)[]): Promise<unknown> {
    return inRedis(owner, (client, keys) => evaluate(client, script, keys, args));
  }

  function write(owner: Owner, key: string, lease: string, { json, ttlMs, tags }: Entry): Promise<unknown> {
    return run(owner, setScript, key, newName(), ttlMs, json, lease, ...tags);
  }

  return {
    async get(owner, key) {
      const json = await run(owner, getScript, key);
      return (json as string | null) ?? undefined;
    },

    async getOrLease(owner, key, tags) {
      const answer = await run(owner, getOrLeaseScript, key, newName(), leaseTtlMs, ...tags);
      const [there, text] = answer as [number, string];
      return there === 1 ? { json: text } : { lease: text };
    },

    async keep(owner, key, lease, entry) {
      await write(owner, key, lease, entry);
    },

    async release(owner, key, lease) {
      await run(owner, releaseScript, key, lease);
    },

    async set(owner, key, entry) {
      await write(owner, key, '', entry);
    },

    async delete(owner, key) {
      return (await run(owner, deleteScript, key)) === 1;
    },

    async increment(owner, key, by, ttlMs) {
      const sum = await run(owner, incrementScript, key, by, ttlMs);
      return sum === null ? undefined : Number(sum);
    },

    async invalidate(owner, tags) {
      await run(owner, invalidateScript, ...tags);
    },

    async clear(owner) {
      await inRedis(owner, (client, keys) => client.unlink(...keys));
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
