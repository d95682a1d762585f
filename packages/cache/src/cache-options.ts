import { TenancyError } from '@omnitenant/core';
import type { RedisClient } from './connections/redis-client.ts';

/** What a cache is created from. Times are in milliseconds. */
export interface CacheOptions {
  /**
   * A URL (`redis:` or `rediss:`), whose connection is the cache's own, or a client of ioredis, `Redis` or `Cluster`, which
   * stays yours. Left out, entries are kept in this process.
   */
  readonly redis?: string | RedisClient;
  /** What its keys in Redis begin with. Default: the name and a colon. */
  readonly prefix?: string;
  /** How long an entry lives that says nothing itself. There is none that lives for ever. Default 300 000. */
  readonly ttl?: number;
  /** How long Redis may take for an answer. Default 2 000. */
  readonly timeout?: number;
  /** The most entries kept in this process, of all tenants together. Default 10 000. */
  readonly maxEntries?: number;
  /** Connections to Redis servers of tenants' own: how many, default 50, and how long one is kept idle, default 60 000. */
  readonly connections?: { readonly max?: number; readonly idle?: number };
  /** The name of the resource, for a tenancy with several caches. Default `cache`. */
  readonly name?: string;
}

/** Options that have been checked, with their defaults. */
export interface CheckedOptions {
  readonly redis: string | RedisClient | undefined;
  readonly prefix: string;
  readonly ttl: number;
  readonly timeout: number;
  readonly maxEntries: number;
  readonly connections: { readonly max: number; readonly idle: number };
  readonly name: string;
}

/** @throws CONFIG_INVALID, with one sentence on the first option that is wrong. */
export function checkedOptions(options: CacheOptions): CheckedOptions {
  const { redis, name = 'cache', prefix = `${name}:`, connections: { max = 50, idle = 60_000 } = {} } = options;
  const { ttl = 300_000, timeout = 2_000, maxEntries = 10_000 } = options;
  if (redis !== undefined && !(typeof redis === 'string' ? isRedisUrl(redis) : isClient(redis))) {
    throw invalid('its redis must be a URL such as redis://host:6379, or a client of ioredis');
  }
  // Braces say in a cluster which part of a key decides on its node; here that is the space.
  if (typeof name !== 'string' || typeof prefix !== 'string' || /[{}]/.test(prefix) || !prefix.isWellFormed()) {
    throw invalid('its name and prefix must be text without braces');
  }
  for (const [option, value] of Object.entries({
    ttl,
    timeout,
    maxEntries,
    'connections.max': max,
    'connections.idle': idle,
  })) {
    if (!isWhole(value)) throw invalid(`its ${option} must be a positive whole number`);
  }
  return { redis, name, prefix, ttl, timeout, maxEntries, connections: { max, idle } };
}

/** Whether it can be a number of milliseconds, or of things. */
export function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

/** Whether the text is the URL of a Redis server; one with a query could change the client's settings. */
export function isRedisUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && ['redis:', 'rediss:'].includes(url.protocol) && url.hostname !== '' && url.search === '';
}

function isClient(redis: unknown): boolean {
  return typeof (redis as Partial<RedisClient> | null)?.evalsha === 'function';
}

function invalid(why: string): TenancyError {
  return new TenancyError('CONFIG_INVALID', `createCache() cannot go on: ${why}.`);
}
