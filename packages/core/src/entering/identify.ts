import { namesTwo, TenancyError, tenantForbidden, unknownTenant } from '../errors/errors.ts';
import { quoted } from '../errors/quoted.ts';
import { admit } from '../lifecycle/admit.ts';
import { isPublicHost } from '../lifecycle/domain-rules.ts';
import type { TenantCache } from '../lookup/tenant-cache.ts';
import { hostFromHeader } from '../models/domain.ts';
import { isSameIncarnation } from '../models/incarnation.ts';
import type { Tenant } from '../models/tenant.ts';
import { after } from '../resolvers/after.ts';
import type { Identifier, TenantRequest, TenantResolver } from '../resolvers/resolver.ts';

/** The parts of identification. */
export interface IdentificationOptions<T extends Tenant> extends FinderOptions<T>, AdmissionOptions<T> {}

interface FinderOptions<T extends Tenant> {
  readonly resolver: TenantResolver | undefined;
  readonly publicHosts: ReadonlySet<string>;
  readonly cache: TenantCache<T>;
}

interface AdmissionOptions<T extends Tenant> {
  readonly authorize: ((tenant: T, request: TenantRequest) => boolean | Promise<boolean>) | undefined;
  readonly forbiddenAs: 'TENANT_FORBIDDEN' | 'TENANT_UNKNOWN';
  readonly cache: TenantCache<T>;
}

/** What finds the tenants of requests. `undefined` means central, and of `leadsTo` also that the tenant is not there. */
interface Identification<T> {
  identify(request: TenantRequest): T | undefined | Promise<T | undefined>;
  leadsTo(request: TenantRequest): Promise<T | undefined>;
}

/** Decides on what was found, and what it was named by. */
type Admission<T> = (
  tenant: T | undefined,
  named: string,
  request: TenantRequest,
) => T | undefined | Promise<T | undefined>;

/** Finds the tenant that a request leads to: `identify` if the request may enter it, `leadsTo` in any case. */
export function createIdentification<T extends Tenant>(options: IdentificationOptions<T>): Identification<T> {
  const leadsTo = createFinder<T>(options, (tenant) => tenant);
  return {
    identify: createFinder<T>(options, admission(options)),
    leadsTo: async (request: TenantRequest) => leadsTo(request),
  };
}

/** Admits requests to active tenants that the application lets them enter. Only who may enter learns whether it is suspended. */
function admission<T extends Tenant>({ authorize, forbiddenAs, cache }: AdmissionOptions<T>): Admission<T> {
  return (tenant, named, request) => {
    if (tenant === undefined || authorize === undefined) return admit(tenant, named);
    const asked = authorize(tenant, request);
    return after(asked, (allowed) => {
      if (allowed !== true) throw forbiddenAs === 'TENANT_UNKNOWN' ? unknownTenant(named) : tenantForbidden(tenant.id);
      if (allowed === asked) return admit(tenant, named);
      // While the application decided, the tenant may have been suspended or removed.
      return after(cache.find(tenant.id), (now) =>
        admit(now !== undefined && isSameIncarnation(tenant, now) ? now : undefined, named),
      );
    });
  };
}

function createFinder<T extends Tenant>(
  { resolver, publicHosts, cache }: FinderOptions<T>,
  admitted: Admission<T>,
): (request: TenantRequest) => T | undefined | Promise<T | undefined> {
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
      if (isToPublicHost(request)) return undefined;
      throw unresolved(request, asked);
    }
    const { id, domain, exact } = checked(identifier);
    const isPublic = domain !== undefined && isPublicHost(exact ?? domain, publicHosts) && isToPublicHost(request);
    if (id !== undefined && (domain === undefined || isPublic)) {
      return after(cache.find(id), (tenant) => admitted(tenant, id, request));
    }
    if (isPublic || domain === undefined) return undefined;
    return after(findByDomain(domain, exact), (tenant) => {
      if (tenant !== undefined && id !== undefined && tenant.id !== id) throw namesTwo();
      return admitted(tenant, domain, request);
    });
  }

  function findByDomain(domain: string, exact: string | undefined): T | undefined | Promise<T | undefined> {
    if (exact === undefined) return cache.findByDomain(domain);
    return after(cache.findByDomain(exact), (tenant) => tenant ?? cache.findByDomain(domain));
  }

  function isToPublicHost({ host: raw }: TenantRequest): boolean {
    const host = publicHosts.size === 0 ? undefined : hostFromHeader(raw);
    return host !== undefined && isPublicHost(host, publicHosts);
  }
}

function unresolved({ host }: TenantRequest, { expects }: TenantResolver): TenancyError {
  const seen = host === undefined ? 'without a single host' : `for the host ${quoted(host)}`;
  const expected = expects === undefined ? '' : ` It takes ${expects}, or a host of publicHosts.`;
  return new TenancyError('TENANT_UNRESOLVED', `The request ${seen} names no tenant.${expected}`);
}

/** The application writes resolvers, so what they return is checked. */
function checked(identifier: unknown): Identifier {
  const { id, domain, exact } = (identifier ?? {}) as { id?: unknown; domain?: unknown; exact?: unknown };
  const host =
    typeof domain === 'string' ? { domain, exact: typeof exact === 'string' ? exact : undefined } : undefined;
  if (typeof id === 'string') return { id, ...host };
  if (host !== undefined) return host;
  const message = `The resolver returned ${quoted(identifier)}; it must return { id }, { domain } or undefined.`;
  throw new TenancyError('CONFIG_INVALID', message);
}
