import { TenancyError } from './errors.ts';
import { admit } from './lifecycle/admit.ts';
import { hostFromHeader } from './models/domain.ts';
import type { Tenant } from './models/tenant.ts';
import { quoted } from './quoted.ts';
import type { TenantRequest, TenantResolver } from './resolvers/resolver.ts';
import type { TenantCache } from './tenant-cache.ts';

/** The parts of identification. */
export interface IdentifyOptions<T extends Tenant> {
  readonly resolver: TenantResolver | undefined;
  readonly publicHosts: ReadonlySet<string>;
  readonly cache: TenantCache<T>;
}

/** Finds the tenant that a request is for and checks that it may be entered; `undefined` means central. */
export function createIdentify<T extends Tenant>(
  options: IdentifyOptions<T>,
): (request: TenantRequest) => T | undefined | Promise<T | undefined> {
  const { resolver, publicHosts, cache } = options;

  return (request) => {
    if (resolver === undefined) {
      throw new TenancyError(
        'CONFIG_INVALID',
        'Identifying requests requires a resolver; pass one to createTenancy({ resolver }).',
      );
    }
    const identifier = resolver(request);
    if (identifier === undefined) {
      if (isPublicHost(request.host)) return undefined;
      throw new TenancyError('TENANT_UNRESOLVED', 'The request names no tenant.');
    }
    const { id, domain } = checked(identifier);
    if (id !== undefined) return admitted(cache.find(id), id);
    if (publicHosts.has(domain) && isPublicHost(request.host)) return undefined;
    return admitted(cache.findByDomain(domain), domain);
  };

  function admitted(found: T | undefined | Promise<T | undefined>, named: string): T | Promise<T> {
    return found instanceof Promise ? found.then((tenant) => admit(tenant, named)) : admit(found, named);
  }

  /** `www.` before a public host leads to it, as it does for a tenant's domain. */
  function isPublicHost(raw: string | undefined): boolean {
    const host = publicHosts.size === 0 ? undefined : hostFromHeader(raw);
    if (host === undefined) return false;
    return publicHosts.has(host) || (host.startsWith('www.') && publicHosts.has(host.slice('www.'.length)));
  }
}

type CheckedIdentifier =
  | { readonly id: string; readonly domain?: never }
  | { readonly id?: never; readonly domain: string };

/** The application writes resolvers: a returned promise must not be mistaken for an identifier that is missing. */
function checked(identifier: unknown): CheckedIdentifier {
  const { id, domain } = (identifier ?? {}) as { id?: unknown; domain?: unknown };
  if (typeof id === 'string') return { id };
  if (typeof domain === 'string') return { domain };
  const message = `The resolver returned ${quoted(identifier)}; it must return { id }, { domain } or undefined, not a promise.`;
  throw new TenancyError('CONFIG_INVALID', message);
}
