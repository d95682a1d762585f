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
    return after(resolver(request), (identifier) => find(identifier, request, resolver));
  };

  function find(
    identifier: Identifier | undefined,
    request: TenantRequest,
    asked: TenantResolver,
  ): T | undefined | Promise<T | undefined> {
    if (identifier === undefined) {
      if (isPublicHost(request.host)) return undefined;
      throw unresolved(request, asked);
    }
    const { id, domain, exact } = checked(identifier);
    if (id !== undefined) return after(cache.find(id), (tenant) => admitted(tenant, id, request));
    if (publicHosts.has(domain) && isPublicHost(request.host)) return undefined;
    return after(findByDomain(domain, exact), (tenant) => admitted(tenant, domain, request));
  }

  function findByDomain(domain: string, exact: string | undefined): T | undefined | Promise<T | undefined> {
    if (exact === undefined) return cache.findByDomain(domain);
    return after(cache.findByDomain(exact), (tenant) => tenant ?? cache.findByDomain(domain));
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
  | { readonly id: string; readonly domain?: never; readonly exact?: never }
  | { readonly id?: never; readonly domain: string; readonly exact: string | undefined };

function unresolved({ host }: TenantRequest, { expects }: TenantResolver): TenancyError {
  const seen = host === undefined ? 'without a single host' : `for the host ${quoted(host)}`;
  const expected = expects === undefined ? '' : ` It takes ${expects}, or a host of publicHosts.`;
  return new TenancyError('TENANT_UNRESOLVED', `The request ${seen} names no tenant.${expected}`);
}

/** The application writes resolvers, so what they return is checked. */
function checked(identifier: unknown): CheckedIdentifier {
  const { id, domain, exact } = (identifier ?? {}) as { id?: unknown; domain?: unknown; exact?: unknown };
  if (typeof id === 'string') return { id };
  if (typeof domain === 'string') return { domain, exact: typeof exact === 'string' ? exact : undefined };
  const message = `The resolver returned ${quoted(identifier)}; it must return { id }, { domain } or undefined.`;
  throw new TenancyError('CONFIG_INVALID', message);
}
