import { TenancyError } from '../errors/errors.ts';
import type { Domain } from '../models/domain.ts';
import type { DomainTerms } from '../stores/domain-claims.ts';

/** Which hosts tenants may have. */
export interface DomainRules {
  /** Hosts that lead to central. */
  readonly publicHosts: ReadonlySet<string>;
  /** What applies where tenants prove their domains. */
  readonly proof?: ProofRules | undefined;
}

/** Which hosts tenants have to prove, and when a host is free again. */
export interface ProofRules {
  /** Whether a host that was not proved is refused. */
  readonly required: boolean;
  /** The application's own zones, in which nothing is to be proved. */
  readonly ownZones: readonly string[];
  readonly coolingOffMs: number;
}

const www = 'www.';

/** Whether a host leads to central. `www.` before a public host does, as before a tenant's domain it leads to the tenant. */
export function isPublicHost(host: string, publicHosts: ReadonlySet<string>): boolean {
  return publicHosts.has(host) || (host.startsWith(www) && publicHosts.has(host.slice(www.length)));
}

/** @throws DOMAIN_TAKEN if one of the domains is a public host of the application. */
export function refusePublicHosts(domains: readonly Domain[], publicHosts: ReadonlySet<string>): void {
  const taken = domains.find(({ host }) => isPublicHost(host, publicHosts));
  if (taken === undefined) return;
  const message = `The domain "${taken.host}" is a public host of the application; choose another.`;
  throw new TenancyError('DOMAIN_TAKEN', message, { tenant: taken.tenantId });
}

/** @throws DOMAIN_UNPROVED if a tenant has to prove one of the domains, and has not done so. */
export function refuseUnproved(domains: readonly Domain[], rules: DomainRules): void {
  const unproved = domains.find(({ host }) => needsProof(host, rules));
  if (unproved === undefined) return;
  const { host, tenantId } = unproved;
  const message = `Tenant "${tenantId}" has not proved that the domain "${host}" is its own. Call tenancy.domains.claim("${tenantId}", "${host}").`;
  throw new TenancyError('DOMAIN_UNPROVED', message, { tenant: tenantId });
}

/** Whether a host can be had by proof only. */
export function needsProof(host: string, { proof }: DomainRules): boolean {
  return proof?.required === true && !isOwn(host, proof);
}

/** Whether a host is in a zone of the application. */
export function isOwn(host: string, { ownZones }: Pick<ProofRules, 'ownZones'>): boolean {
  return ownZones.some((zone) => host === zone || host.endsWith(`.${zone}`));
}

/** What has to be true of a host that a tenant gets. */
export function termsOf({ proof }: DomainRules): DomainTerms {
  return proof === undefined ? {} : { unusedSince: unusedSince(proof) };
}

/** Who had a host since then keeps others from it. */
export function unusedSince({ coolingOffMs }: Pick<ProofRules, 'coolingOffMs'>): Date {
  return new Date(Date.now() - coolingOffMs);
}
