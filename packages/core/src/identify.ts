import { TenancyError } from './errors.ts';
import { admit } from './lifecycle.ts';
import { hostOf } from './models/domain.ts';
import { quoted } from './models/quoted.ts';
import type { Tenant } from './models/tenant.ts';
import type { Identifier, TenantRequest, TenantResolver } from './resolvers/resolver.ts';
import type { TenantCache } from './tenant-cache.ts';

/** What identifying a request takes. */
export interface IdentifyOptions<T extends Tenant> {
  readonly resolver: TenantResolver | undefined;
  readonly publicHosts: ReadonlySet<string>;
  readonly cache: TenantCache<T>;
}

/** Finds the tenant that a request is for, and whether it may be entered; `undefined` means central. */
export function createIdentify<T extends Tenant>(
  options: IdentifyOptions<T>,
): (request: TenantRequest) => T | undefined | Promise<T | undefined> {
  const { resolver, publicHosts, cache } = options;

  return (request) => {
    if (resolver === undefined) {
      throw new TenancyError('CONFIG_INVALID', 'Requests need a resolver; pass one to createTenancy({ resolver }).');
    }
    const identifier = resolver(request);
    if (identifier === undefined || isPublicDomain(identifier)) {
      if (isPublicHost(request.host)) return undefined;
      if (identifier === undefined) {
        throw new TenancyError('TENANT_UNRESOLVED', 'The request does not say which tenant it is for.');
      }
    }
    const { found, named } = look(identifier);
    return found instanceof Promise ? found.then((tenant) => admit(tenant, named)) : admit(found, named);
  };

  function isPublicDomain(identifier: Identifier): boolean {
    return 'domain' in identifier && publicHosts.has(identifier.domain);
  }

  /** `www.` in front of a public host leads to it, as it does for a tenant's domain. */
  function isPublicHost(raw: string | undefined): boolean {
    const host = publicHosts.size === 0 ? undefined : hostOf(raw);
    if (host === undefined) return false;
    return publicHosts.has(host) || (host.startsWith('www.') && publicHosts.has(host.slice('www.'.length)));
  }

  function look(identifier: Identifier) {
    if ('id' in identifier && typeof identifier.id === 'string') {
      return { found: cache.find(identifier.id), named: identifier.id };
    }
    if ('domain' in identifier && typeof identifier.domain === 'string') {
      return { found: cache.findByDomain(identifier.domain), named: identifier.domain };
    }
    const message = `The resolver returned ${quoted(identifier)}; it must return { id }, { domain } or undefined, and no promise.`;
    throw new TenancyError('CONFIG_INVALID', message);
  }
}
