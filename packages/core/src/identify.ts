import { TenancyError, tenantForbidden, unknownTenant } from './errors.ts';
import { admit } from './lifecycle/admit.ts';
import { hostFromHeader } from './models/domain.ts';
import type { Tenant } from './models/tenant.ts';
import { quoted } from './quoted.ts';
import { after } from './resolvers/after.ts';
import type { Identifier, TenantRequest, TenantResolver } from './resolvers/resolver.ts';
import type { TenantCache } from './tenant-cache.ts';

/** The parts of identification. */
export interface IdentifyOptions<T extends Tenant> {
  readonly resolver: TenantResolver | undefined;
  readonly authorize: ((tenant: T, request: TenantRequest) => boolean | Promise<boolean>) | undefined;
  readonly forbiddenAs: 'TENANT_FORBIDDEN' | 'TENANT_UNKNOWN';
  readonly publicHosts: ReadonlySet<string>;
  readonly cache: TenantCache<T>;
}

/** Finds the tenant that a request is for and checks that it may be entered; `undefined` means central. */
export function createIdentify<T extends Tenant>(
  options: IdentifyOptions<T>,
): (request: TenantRequest) => T | undefined | Promise<T | undefined> {
  const { resolver, authorize, forbiddenAs, publicHosts, cache } = options;

  return (request) => {
    if (resolver === undefined) {
      throw new TenancyError(
        'CONFIG_INVALID',
        'Identifying requests requires a resolver; pass one to createTenancy({ resolver }).',
      );
    }
    return after(resolver(request), (identifier) => find(identifier, request));
  };

  function find(identifier: Identifier | undefined, request: TenantRequest): T | undefined | Promise<T | undefined> {
    if (identifier === undefined) {
      if (isPublicHost(request.host)) return undefined;
      throw new TenancyError('TENANT_UNRESOLVED', 'The request names no tenant.');
    }
    const { id, domain } = checked(identifier);
    if (id !== undefined) return after(cache.find(id), (tenant) => admitted(tenant, id, request));
    if (publicHosts.has(domain) && isPublicHost(request.host)) return undefined;
    return after(cache.findByDomain(domain), (tenant) => admitted(tenant, domain, request));
  }

  /** Only who may enter a tenant learns whether it is suspended. */
  function admitted(tenant: T | undefined, named: string, request: TenantRequest): T | Promise<T> {
    if (tenant === undefined || authorize === undefined) return admit(tenant, named);
    return after(authorize(tenant, request), (allowed) => {
      if (allowed === true) return admit(tenant, named);
      throw forbiddenAs === 'TENANT_UNKNOWN' ? unknownTenant(named) : tenantForbidden(tenant.id);
    });
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

/** The application writes resolvers, so what they return is checked. */
function checked(identifier: unknown): CheckedIdentifier {
  const { id, domain } = (identifier ?? {}) as { id?: unknown; domain?: unknown };
  if (typeof id === 'string') return { id };
  if (typeof domain === 'string') return { domain };
  const message = `The resolver returned ${quoted(identifier)}; it must return { id }, { domain } or undefined.`;
  throw new TenancyError('CONFIG_INVALID', message);
}
