import { domainLeft, domainTaken, domainUnclaimed, tenantOutdated } from '../errors/errors.ts';
import type { Domain } from '../models/domain.ts';
import { isSameIncarnation } from '../models/incarnation.ts';
import type { Tenant } from '../models/tenant.ts';
import type { ClaimQuery, DomainClaims, DomainTerms, StoredClaim } from './domain-claims.ts';

/** What claims in memory read of their store. */
export interface MemoryClaimsOptions {
  /** Throws TENANT_UNKNOWN. */
  readonly tenantOf: (id: string) => Tenant;
  readonly domainOf: (host: string) => Domain | undefined;
}

/** Claims in memory, with what their store tells them. */
export interface MemoryClaims {
  readonly claims: DomainClaims;
  /** Throws where domains may not be added, and marks the claim of the terms as proved. A new tenant is `undefined`. */
  admit(domains: readonly Domain[], owner: Tenant | undefined, terms: DomainTerms): void;
  /** A domain is a tenant's no longer. */
  left(host: string, owner: Tenant): void;
  /** A tenant is gone, with the domains that it has had until now. */
  gone(id: string, tenant: Tenant | undefined, domains: readonly Domain[]): void;
}

/** Claims in this process, for the stores of tests. */
export function memoryDomainClaims({ tenantOf, domainOf }: MemoryClaimsOptions): MemoryClaims {
  const all = new Map<string, StoredClaim>();
  const former: { readonly host: string; readonly owner: Tenant; readonly at: Date }[] = [];

  function refuseLately(domain: Domain, owner: Tenant | undefined, unusedSince: Date | undefined): void {
    if (unusedSince === undefined) return;
    const isOthers = (had: Tenant) => owner === undefined || !isSameIncarnation(had, owner);
    if (former.some(({ host, at, owner: had }) => host === domain.host && at > unusedSince && isOthers(had))) {
      throw domainLeft(domain);
    }
  }

  function unchanged(claim: StoredClaim): StoredClaim | undefined {
    const stored = all.get(keyOf(claim));
    const isSame = stored?.token === claim.token && stored.checkedAt?.getTime() === claim.checkedAt?.getTime();
    return isSame ? stored : undefined;
  }

  function keep(claim: StoredClaim): StoredClaim {
    const kept = Object.freeze({ ...claim });
    all.set(keyOf(claim), kept);
    return kept;
  }

  const claims: DomainClaims = {
    async add(draft, unusedSince) {
      const { tenantId, host, primary } = draft;
      const tenant = tenantOf(tenantId);
      if (!isSameIncarnation(tenant, { id: tenantId, createdAt: draft.tenantCreatedAt }))
        throw tenantOutdated(tenantId);
      const earlier = all.get(keyOf(draft));
      if (earlier !== undefined) return earlier;
      const owner = domainOf(host)?.tenantId ?? tenantId;
      if (owner !== tenantId) throw domainTaken({ host, tenantId });
      refuseLately({ host, tenantId, primary }, tenant, unusedSince);
      return keep({ ...draft, state: 'pending', missed: 0 });
    },

    async find(tenantId, host) {
      return all.get(keyOf({ tenantId, host }));
    },

    async page(query) {
      const found = [...all.values()].filter((claim) => fits(claim, query));
      return found.sort((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1)).slice(0, query.limit);
    },

    async check(claim, { state, missed, problem, checkedAt }) {
      const stored = unchanged(claim);
      if (stored === undefined) return undefined;
      const verifiedAt = stored.verifiedAt ?? (state === 'verified' ? checkedAt : undefined);
      return keep({ ...stored, state, missed, problem, checkedAt, verifiedAt });
    },

    async remove(tenantId, host) {
      return all.delete(keyOf({ tenantId, host }));
    },

    async forget(host) {
      const count = former.length;
      former.splice(0, count, ...former.filter((had) => had.host !== host));
      return former.length < count;
    },
  };

  function left(host: string, owner: Tenant): void {
    all.delete(keyOf({ host, tenantId: owner.id }));
    former.push({ host, owner, at: new Date() });
  }

  return {
    claims,
    left,

    admit(domains, owner, { unusedSince, claim }) {
      for (const domain of domains) refuseLately(domain, owner, unusedSince);
      if (claim === undefined) return;
      const { tenantId: id, tenantCreatedAt: createdAt } = claim;
      if (owner !== undefined && !isSameIncarnation(owner, { id, createdAt })) throw tenantOutdated(id);
      const stored = all.get(keyOf(claim));
      if (stored?.token !== claim.token) throw domainUnclaimed(claim);
      const checkedAt = new Date();
      keep({ ...stored, state: 'verified', missed: 0, problem: undefined, checkedAt, verifiedAt: checkedAt });
    },

    gone(id, tenant, domains) {
      for (const [key, { tenantId }] of all) if (tenantId === id) all.delete(key);
      // One that was never active has been reached by nobody.
      if (tenant?.status === 'removing') for (const { host } of domains) left(host, tenant);
    },
  };
}

/** Neither hosts nor ids have a space, and it comes before all that they have. */
function keyOf({ host, tenantId }: Pick<StoredClaim, 'host' | 'tenantId'>): string {
  return `${host} ${tenantId}`;
}

function fits(claim: StoredClaim, { tenant, host, state, uncheckedSince, after }: ClaimQuery): boolean {
  return (
    (tenant ?? claim.tenantId) === claim.tenantId &&
    (host ?? claim.host) === claim.host &&
    (state ?? claim.state) === claim.state &&
    (uncheckedSince === undefined || claim.checkedAt === undefined || claim.checkedAt <= uncheckedSince) &&
    (after === undefined || keyOf(claim) > keyOf(after))
  );
}
