import { TenancyError } from '@omnitenant/core';
import type { RedisClient } from './connections/redis-client.ts';

/** The options of `createCache`. */
export interface CacheOptions {
  /**
   * A URL (`redis:` or `rediss:`), for a connection that belongs to the cache, or a client of ioredis, `Redis` or `Cluster`,
   * that stays yours. Default: entries are kept in this process.
   */
  readonly redis?: string | RedisClient | undefined;
  /** The prefix of the cache's keys in Redis. Default: the name and a colon. */
  readonly prefix?: string | undefined;
  /** Time to live of an entry without one of its own. No entry lives forever. Default 300 000. */
  readonly ttlMs?: number | undefined;
  /** How long to wait for an answer of Redis. Default 2 000. */
  readonly timeoutMs?: number | undefined;
  /** The maximum number of entries in this process, over all tenants. Default 10 000. */
  readonly maxEntries?: number | undefined;
  /** Connections to tenants' own Redis servers: the maximum (default 50), and how long an idle one is kept (default 60 000). */
  readonly connections?: { readonly max?: number | undefined; readonly idleMs?: number | undefined } | undefined;
  /** The name of the resource, for a tenancy with several caches. Default `cache`. */
  readonly name?: string | undefined;
}

/** Checked options, with their defaults. */
export interface CheckedOptions {
  readonly redis: string | RedisClient | undefined;
  readonly prefix: string;
  readonly ttlMs: number;
  readonly timeoutMs: number;
  readonly maxEntries: number;
  readonly connections: { readonly max: number; readonly idleMs: number };
  readonly name: string;
}

/** @throws CONFIG_INVALID for the first option that is wrong. */
export function checkedOptions(options: CacheOptions): CheckedOptions {
  const { redis, name = 'cache', prefix = `${name}:`, connections: { max = 50, idleMs = 60_000 } = {} } = options;
  const { ttlMs = 300_000, timeoutMs = 2_000, maxEntries = 10_000 } = options;
  if (redis !== undefined && !(typeof redis === 'string' ? isRedisUrl(redis) : isClient(redis))) {
    throw invalid('"redis" must be a URL such as redis://host:6379, or a client of ioredis');
  }
  // In a cluster, the part of a key in braces decides on its node. The cache puts the owner in braces.
  if (typeof name !== 'string' || typeof prefix !== 'string' || /[{}]/.test(prefix) || !prefix.isWellFormed()) {
    throw invalid('"name" and "prefix" must be text without braces');
  }
  for (const [option, value] of Object.entries({
    ttlMs,
    timeoutMs,
    maxEntries,
    'connections.max': max,
    'connections.idleMs': idleMs,
  })) {
    if (!isWhole(value)) throw invalid(`"${option}" must be a positive whole number`);
  }
  return { redis, name, prefix, ttlMs, timeoutMs, maxEntries, connections: { max, idleMs } };
}

/** Whether the value is a positive whole number: of milliseconds, entries or connections. */
export function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

/** Whether the text is the URL of a Redis server. A query is refused, because it could change the client's settings. */
export function isRedisUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && ['redis:', 'rediss:'].includes(url.protocol) && url.hostname !== '' && url.search === '';
}

function isClient(redis: unknown): boolean {
  return typeof (redis as Partial<RedisClient> | null)?.evalsha === 'function';
}

function invalid(why: string): TenancyError {
  return new TenancyError('CONFIG_INVALID', `The options of createCache() are not valid: ${why}.`);
}
