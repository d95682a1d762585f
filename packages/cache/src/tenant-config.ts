import { TenancyError, type Tenant } from '@omnitenant/core';
import { isRedisUrl, isWhole } from './cache-options.ts';

/** What a tenant's `config.cache` may say. */
export interface TenantCacheConfig {
  /** The URL of a Redis of its own. */
  readonly redis?: string;
  /** Milliseconds for which its entries live that say nothing themselves. */
  readonly ttl?: number;
}

/** @throws TENANT_INVALID where `config.cache` is of another shape; without saying what it holds. */
export function tenantCacheConfig({ id, config }: Tenant): TenantCacheConfig {
  const { cache = {} } = config;
  if (isTenantCacheConfig(cache)) return cache;
  const message = `The tenant "${id}" is not valid: its config.cache must be { redis, ttl }, a URL such as redis://host:6379 and a positive whole number of milliseconds, or one of them.`;
  throw new TenancyError('TENANT_INVALID', message, { tenant: id });
}

/** Whether it says nothing but what a tenant's `config.cache` may say. */
export function isTenantCacheConfig(cache: unknown): cache is TenantCacheConfig {
  if (typeof cache !== 'object' || cache === null || Array.isArray(cache)) return false;
  const { redis, ttl, ...unknown } = cache as Record<string, unknown>;
  if (redis !== undefined && !(typeof redis === 'string' && isRedisUrl(redis))) return false;
  return (ttl === undefined || isWhole(ttl)) && Object.keys(unknown).length === 0;
}
