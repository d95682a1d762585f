import { TenancyError, type Tenant } from '@omnitenant/core';
import { isRedisUrl, isWhole } from './cache-options.ts';

/** A tenant's `config.cache`. */
export interface TenantCacheConfig {
  /** The URL of the tenant's own Redis. */
  readonly redis?: string | undefined;
  /** Time to live of the tenant's entries without one of their own. */
  readonly ttlMs?: number | undefined;
}

/** @throws TENANT_INVALID if `config.cache` has another shape. The message does not show its values. */
export function tenantCacheConfig({ id, config }: Tenant): TenantCacheConfig {
  const { cache = {} } = config;
  if (isTenantCacheConfig(cache)) return cache;
  const message = `The tenant "${id}" is not valid: its config.cache must be { redis, ttlMs } or one of the two, where "redis" is a URL such as redis://host:6379 and "ttlMs" a positive whole number.`;
  throw new TenancyError('TENANT_INVALID', message, { tenant: id });
}

/** Whether the value has the shape of a tenant's `config.cache`, with no unknown key. */
export function isTenantCacheConfig(cache: unknown): cache is TenantCacheConfig {
  if (typeof cache !== 'object' || cache === null || Array.isArray(cache)) return false;
  const { redis, ttlMs, ...unknown } = cache as Record<string, unknown>;
  if (redis !== undefined && !(typeof redis === 'string' && isRedisUrl(redis))) return false;
  return (ttlMs === undefined || isWhole(ttlMs)) && Object.keys(unknown).length === 0;
}
