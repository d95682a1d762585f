import { currentScope, incarnationOf } from '@omnitenant/core/extend';

/**
 * A key of Nest's `CacheInterceptor` that is the current tenant's own. Without it, one tenant's answer is served to another that asks for the same
 * path. In central the key is that of all requests in central; outside all scopes nothing is cached.
 * @example
 * class TenantCacheInterceptor extends CacheInterceptor {
 *   override trackBy(context: ExecutionContext) {
 *     return tenantCacheKey(super.trackBy(context));
 *   }
 * }
 */
export function tenantCacheKey(key: string | undefined): string | undefined {
  const scope = currentScope();
  if (key === undefined || scope === undefined) return undefined;
  return `${scope.kind === 'tenant' ? incarnationOf(scope.tenant) : ''} ${key}`;
}
