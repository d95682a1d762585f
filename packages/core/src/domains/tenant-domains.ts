import { randomBytes } from 'node:crypto';
import { domainUnclaimed, TenancyError } from '../errors/errors.ts';
import { removeDomain } from '../lifecycle/change-record.ts';
import { isOwn, refusePublicHosts, unusedSince } from '../lifecycle/domain-rules.ts';
import { type Domain, parseDomain } from '../models/domain.ts';
import type { Tenant } from '../models/tenant.ts';
import type { DomainClaimState, DomainClaims } from '../stores/domain-claims.ts';
import { type ClaimParts, checkClaim } from './check-claim.ts';
import { allClaims, type CheckOptions, checkDue, type DomainChecks } from './check-due.ts';
import { checkRecordName, siblingOf } from './claim-record.ts';
import { type DomainClaim, domainClaim } from './domain-claim.ts';
import type { CheckedDomains } from './domain-options.ts';

/** Which claims are listed. */
export interface ClaimFilter {
  readonly tenant?: string | undefined;
  readonly host?: string | undefined;
  readonly state?: DomainClaimState | undefined;
}

/** Domains that customers bring, and prove to be their own by a record of DNS. */
export interface TenantDomains {
  /** Whether the tenancy has the option `domains`. Without it, all of these refuse with CONFIG_INVALID. */
  readonly enabled: boolean;
  /**
   * Claims a host for a tenant, and says what its owner has to publish. A claim gives the tenant nothing yet, and others may claim the same
   * host. Of a host that the tenant has claimed already, it gives that claim. Rejects with DOMAIN_INVALID, DOMAIN_TAKEN, TENANT_UNKNOWN, or
   * BACKLOG_FULL for a tenant with 100 claims that it has not proved.
   */
  claim(tenant: string, host: string, options?: { readonly primary?: boolean | undefined }): Promise<DomainClaim>;
  /**
   * Asks DNS for the record of a claim now. If it is there, the host becomes a domain of the tenant. If not, the claim says in `problem` what
   * was found. Rejects with DOMAIN_UNPROVED without a claim, and with DOMAIN_TAKEN or VETOED if the host cannot be the tenant's.
   */
  verify(tenant: string, host: string): Promise<DomainClaim>;
  /**
   * Checks all claims that are due: those that are not proved, for two weeks, and proved ones after `recheckMs`. Call it every few minutes,
   * from any number of processes. It never removes a domain.
   */
  verifyDue(options?: CheckOptions): Promise<DomainChecks>;
  /** Streams claims in the order of their hosts. */
  claims(filter?: ClaimFilter): AsyncIterable<DomainClaim>;
  /**
   * Gives up a claim, and the domain with it. Other tenants can have the host after `coolingOffDays`; this one can claim it again. Returns
   * whether there was a claim or a domain. Rejects with DOMAIN_INVALID, or VETOED.
   */
  release(tenant: string, host: string): Promise<boolean>;
  /** Ends the cooling-off of a host. It is for operators, who know who the host belongs to now. Returns whether there was one. */
  free(host: string): Promise<boolean>;
}

/** The parts of the domains; `options` and `claims` are absent where nothing is to be proved. */
export interface TenantDomainsOptions<T extends Tenant> extends Omit<ClaimParts<T>, 'claims' | 'options'> {
  readonly options: CheckedDomains | undefined;
}

/** So many claims that are not proved may a tenant have. */
const mostPending = 100;

/** The domains of one tenancy; without the option they refuse. */
export function createTenantDomains<T extends Tenant>({ options, ...given }: TenantDomainsOptions<T>): TenantDomains {
  const { store, records, auditing, publicHosts } = given;
  if (options === undefined) return refusing;
  const { domainClaims: claims } = store;
  if (claims === undefined)
    throw invalid('requires a store that keeps claims, such as that of createOrm() on PostgreSQL.');
  const parts: ClaimParts<T> = { ...given, options, claims };
  const shown = (claim: Parameters<typeof domainClaim>[1]) => domainClaim(options.label, claim);

  return {
    enabled: true,

    async claim(id, named, { primary = false } = {}) {
      const domain: Domain = { host: parseDomain(named), tenantId: id, primary };
      const { host } = domain;
      checkRecordName(options.label, host);
      refusePublicHosts([domain], publicHosts);
      if (isOwn(host, options)) throw ofTheApplication(domain);
      const tenant = await records.read(id);
      await refuseMany(claims, tenant, host);
      const sibling = await claims.find(id, siblingOf(host));
      const token = sibling?.token ?? randomBytes(20).toString('hex');
      const draft = { ...domain, tenantCreatedAt: tenant.createdAt, token, claimedAt: new Date() };
      const act = async () => shown(await claims.add(draft, unusedSince(options)));
      return auditing({ verb: 'claim-domain', tenant: id, after: () => ({ host }) }, act);
    },

    async verify(id, named) {
      const host = parseDomain(named);
      const claim = await claims.find(id, host);
      if (claim === undefined) throw domainUnclaimed({ host, tenantId: id });
      return shown(await checkClaim(parts, claim));
    },

    verifyDue: async (how) => checkDue(parts, how),

    async *claims({ tenant, host, state } = {}) {
      const query = { tenant, host: host === undefined ? undefined : parseDomain(host), state };
      for await (const claim of allClaims(claims, query)) yield shown(claim);
    },

    async release(id, named) {
      const host = parseDomain(named);
      const isClaimed = (await claims.find(id, host)) !== undefined;
      const isDomain = (await store.domains(id)).some((domain) => domain.host === host);
      if (!isClaimed && !isDomain) return false;
      return auditing({ verb: 'release-domain', tenant: id, before: () => ({ host }) }, async () => {
        // First, so that a veto leaves the claim, too.
        await removeDomain(parts, id, host);
        await claims.remove(id, host);
        // It may have been proved until then, and cannot be from now on.
        await removeDomain(parts, id, host);
        return true;
      });
    },

    async free(named) {
      const host = parseDomain(named);
      return auditing({ verb: 'free-domain', before: () => ({ host }) }, () => claims.forget(host));
    },
  };
}

/** Each claim has others' servers asked, time and again. */
async function refuseMany(claims: DomainClaims, { id }: Tenant, host: string): Promise<void> {
  const pending = await claims.page({ tenant: id, state: 'pending', limit: mostPending });
  if (pending.length < mostPending || pending.some((claim) => claim.host === host)) return;
  const message = `Tenant "${id}" has ${mostPending} claims to domains that it has not proved. Prove or release some first.`;
  throw new TenancyError('BACKLOG_FULL', message, { tenant: id });
}

function ofTheApplication({ host, tenantId }: Domain): TenancyError {
  const message = `The domain "${host}" is in a zone of the application; choose another.`;
  return new TenancyError('DOMAIN_TAKEN', message, { tenant: tenantId });
}

const refusing: TenantDomains = {
  enabled: false,
  claim: async () => refuseOff(),
  verify: async () => refuseOff(),
  verifyDue: async () => refuseOff(),
  // biome-ignore lint/correctness/useYield: it refuses when it is read, as the store does.
  claims: async function* () {
    refuseOff();
  },
  release: async () => refuseOff(),
  free: async () => refuseOff(),
};

function refuseOff(): never {
  throw invalid('is not set, so no domain can be proved.');
}

function invalid(fault: string): TenancyError {
  return new TenancyError('CONFIG_INVALID', `createTenancy({ domains }) ${fault}`);
}
