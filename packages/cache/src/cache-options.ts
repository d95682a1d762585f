import { TenancyError } from '@omnitenant/core';
import { type OptionNames, unknownOption } from '@omnitenant/core/extend';
import { isDuplicable, type RedisClient } from './connections/redis-client.ts';
import type { BuildTimes } from './get-or-set.ts';
import type { Serializer } from './serializer.ts';
import type { MemoryStoreOptions } from './stores/memory-store.ts';

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
  /**
   * How long this process may keep a copy of what it has read from Redis, within the bounds of `maxEntries`, `maxBytes` and
   * `tenantShare`. It forgets what any process changes as soon as Redis tells it. Not with a `Cluster`, nor for tenants with a
   * Redis of their own. Default: not at all.
   */
  readonly localTtlMs?: number | undefined;
  /** How long to wait for an answer of Redis. Default 2 000. */
  readonly timeoutMs?: number | undefined;
  /** How long a build of `getOrSet` may take. Then its signal is aborted, and its caller gets a TimeoutError. Default 30 000. */
  readonly buildTimeoutMs?: number | undefined;
  /**
   * How long `getOrSet` waits for a value that another caller builds, from the beginning of the build. Then it builds for
   * itself. Default 3 000.
   */
  readonly waitMs?: number | undefined;
  /**
   * Writes values as text. Default: JSON in which `Date`, `Map`, `Set`, `bigint`, `undefined`, bytes and `URL` come back as they
   * went in, and other classes are refused. `JSON` is one too: plain JSON.
   */
  readonly serializer?: Serializer | undefined;
  /** The maximum number of entries in this process, over all tenants. Default 10 000. */
  readonly maxEntries?: number | undefined;
  /** About how many bytes the entries in this process may take, over all tenants. Default 64 MiB. */
  readonly maxBytes?: number | undefined;
  /** The part of `maxEntries` and of `maxBytes` that one tenant may have, and central. Default 0.1. */
  readonly tenantShare?: number | undefined;
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
  readonly localTtlMs: number | undefined;
  readonly builds: BuildTimes;
  readonly serializer: Serializer | undefined;
  readonly memory: MemoryStoreOptions;
  readonly connections: { readonly max: number; readonly idleMs: number };
  readonly name: string;
}

/** @throws CONFIG_INVALID for the first option that is wrong. */
export function checkedOptions(options: CacheOptions): CheckedOptions {
  refuseUnknown(options);
  const { redis, name = 'cache', prefix = `${name}:`, connections: { max = 50, idleMs = 60_000 } = {} } = options;
  const { ttlMs = 300_000, timeoutMs = 2_000, buildTimeoutMs = 30_000, waitMs = 3_000, serializer } = options;
  const { maxEntries = 10_000, maxBytes = 2 ** 26, tenantShare = 0.1, localTtlMs } = options;
  if (redis !== undefined && !(typeof redis === 'string' ? isRedisUrl(redis) : isClient(redis))) {
    throw invalid('"redis" must be a URL such as redis://host:6379, or a client of ioredis');
  }
  // In a cluster, the part of a key in braces decides on its node. The cache puts the owner in braces.
  if (typeof name !== 'string' || typeof prefix !== 'string' || /[{}]/.test(prefix) || !prefix.isWellFormed()) {
    throw invalid('"name" and "prefix" must be text without braces');
  }
  refuseUnless(isWhole, 'a positive whole number', { ttlMs, maxEntries, maxBytes, 'connections.max': max });
  const delays = { timeoutMs, buildTimeoutMs, waitMs, 'connections.idleMs': idleMs };
  refuseUnless(isDelay, `a positive whole number, and at most ${maxDelayMs}`, delays);
  if (!(tenantShare > 0 && tenantShare <= 1)) throw invalid('"tenantShare" must be more than 0, and at most 1');
  if (serializer !== undefined && !isSerializer(serializer)) {
    throw invalid('"serializer" must have the methods stringify and parse');
  }
  refuseLocal(localTtlMs, redis);
  const memory = { maxEntries, maxBytes, tenantShare };
  const builds = { buildTimeoutMs, waitMs };
  return {
    redis,
    name,
    prefix,
    ttlMs,
    timeoutMs,
    localTtlMs,
    builds,
    serializer,
    memory,
    connections: { max, idleMs },
  };
}

/** The longest delay of a timer. */
const maxDelayMs = 2 ** 31 - 1;

/** Whether a timer can wait for so long. */
export function isDelay(value: unknown): value is number {
  return isWhole(value) && value <= maxDelayMs;
}

function refuseLocal(localTtlMs: number | undefined, redis: string | RedisClient | undefined): void {
  if (localTtlMs === undefined) return;
  if (!isWhole(localTtlMs)) throw invalid('"localTtlMs" must be a positive whole number');
  if (typeof redis !== 'string' && !(redis && isDuplicable(redis))) {
    throw invalid('"localTtlMs" needs "redis": a URL, or a Redis of ioredis and no Cluster');
  }
}

function refuseUnless(
  test: (value: unknown) => boolean,
  what: string,
  options: Readonly<Record<string, unknown>>,
): void {
  const wrong = Object.keys(options).find((option) => !test(options[option]));
  if (wrong !== undefined) throw invalid(`"${wrong}" must be ${what}`);
}

function isSerializer({ stringify, parse }: Partial<Serializer>): boolean {
  return typeof stringify === 'function' && typeof parse === 'function';
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

/** A misspelt option would be none. */
function refuseUnknown({ connections = {}, ...options }: CacheOptions): void {
  const unknown = unknownOption(options, optionNames);
  if (unknown !== undefined) throw new TenancyError('CONFIG_INVALID', `createCache() ${unknown}`);
  const nested = unknownOption(connections, connectionNames);
  if (nested !== undefined) throw new TenancyError('CONFIG_INVALID', `createCache({ connections }) ${nested}`);
}

const connectionNames: OptionNames<NonNullable<CacheOptions['connections']>> = { max: true, idleMs: true };
const optionNames: OptionNames<CacheOptions> = {
  redis: true,
  prefix: true,
  ttlMs: true,
  localTtlMs: true,
  timeoutMs: true,
  buildTimeoutMs: true,
  waitMs: true,
  serializer: true,
  maxEntries: true,
  maxBytes: true,
  tenantShare: true,
  connections: true,
  name: true,
};

function invalid(why: string): TenancyError {
  return new TenancyError('CONFIG_INVALID', `The options of createCache() are not valid: ${why}.`);
}
