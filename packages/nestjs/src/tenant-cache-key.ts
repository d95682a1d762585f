import { currentScope, incarnationOf } from '@omnitenant/core/extend';

/** What `CacheInterceptor.trackBy` returns: no key, and nothing is cached. */
type Key = string | null | undefined;

/**
 * A key of Nest's `CacheInterceptor` that is the current tenant's own. Without it, one tenant's answer is served to another that asks for the same
 * path. In central the key is that of all requests in central; outside all scopes nothing is cached.
 * @example
 * class TenantCacheInterceptor extends CacheInterceptor {
 *   protected override trackBy(context: ExecutionContext) {
 *     return tenantCacheKey(super.trackBy(context));
 *   }
 * }
 */
export function tenantCacheKey(key: Key): string | undefined;
export function tenantCacheKey(key: Key | Promise<Key>): string | undefined | Promise<string | undefined>;
export function tenantCacheKey(key: Key | Promise<Key>): string | undefined | Promise<string | undefined> {
  if (key instanceof Promise) return key.then((known) => tenantCacheKey(known));
  const scope = currentScope();
  if (typeof key !== 'string' || scope === undefined) return undefined;
  return `${scope.kind === 'tenant' ? incarnationOf(scope.tenant) : ''} ${key}`;
}
