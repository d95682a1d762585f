import { domainUnclaimed, isTenancyError } from '../errors/errors.ts';
import { attachDomain } from '../lifecycle/change-record.ts';
import { unusedSince } from '../lifecycle/domain-rules.ts';
import type { TenantRecords } from '../lifecycle/records.ts';
import type { Domain } from '../models/domain.ts';
import type { Tenant } from '../models/tenant.ts';
import type { Auditing } from '../signals/auditing.ts';
import type { SignalSender } from '../signals/signals.ts';
import type { ClaimCheck, DomainClaims, DomainProblem, StoredClaim } from '../stores/domain-claims.ts';
import type { TenantStore } from '../stores/store.ts';
import { recordNames } from './claim-record.ts';
import type { CheckedDomains } from './domain-options.ts';
import { findProof } from './find-proof.ts';

/** What the claims of one tenancy share. */
export interface ClaimParts<T extends Tenant> {
  readonly claims: DomainClaims;
  readonly options: CheckedDomains;
  readonly store: TenantStore<T>;
  readonly records: TenantRecords<T>;
  readonly signals: SignalSender<T>;
  readonly auditing: Auditing;
  readonly publicHosts: ReadonlySet<string>;
}

/**
 * Asks DNS for the proof of a claim, and records what it says: the host becomes the tenant's domain, or is failing, or is well again.
 * Rejects with DOMAIN_TAKEN or VETOED where a host that is proved cannot become the tenant's, and DOMAIN_UNPROVED if the claim was
 * released meanwhile.
 */
export async function checkClaim<T extends Tenant>(parts: ClaimParts<T>, claim: StoredClaim): Promise<StoredClaim> {
  const { label, servers, timeoutMs } = parts.options;
  const names = recordNames(label, claim.host);
  const problem = await findProof({ names, token: claim.token, servers, timeoutMs });
  if (problem !== undefined) return miss(parts, claim, problem);
  return claim.state === 'pending' ? prove(parts, claim) : confirm(parts, claim);
}

async function prove<T extends Tenant>(parts: ClaimParts<T>, claim: StoredClaim): Promise<StoredClaim> {
  const { claims, store, options } = parts;
  const { host, tenantId, primary } = claim;
  // A domain that the tenant has had since before anybody asked for a proof.
  if ((await store.domains(tenantId)).some((domain) => domain.host === host)) return confirm(parts, claim);
  try {
    await audited(parts, claim, () =>
      attachDomain(parts, { host, tenantId, primary }, { unusedSince: unusedSince(options), claim }),
    );
  } catch (error) {
    // Another process has proved it at the same time.
    const now = isTenancyError(error, 'DOMAIN_TAKEN') ? await claims.find(tenantId, host) : undefined;
    if (now?.token === claim.token && now.state === 'verified') return now;
    throw error;
  }
  await tell(parts, claim, 'domainVerified');
  return current(parts, claim);
}

async function confirm<T extends Tenant>(parts: ClaimParts<T>, claim: StoredClaim): Promise<StoredClaim> {
  const found: ClaimCheck = { state: 'verified', missed: 0, checkedAt: new Date() };
  if (claim.state === 'verified') return record(parts, claim, found);
  const verified = await audited(parts, claim, () => record(parts, claim, found));
  await tell(parts, claim, 'domainVerified');
  return verified;
}

async function miss<T extends Tenant>(
  parts: ClaimParts<T>,
  claim: StoredClaim,
  problem: DomainProblem,
): Promise<StoredClaim> {
  const { recheckMs, maxMissed } = parts.options;
  const checkedAt = new Date();
  if (claim.state === 'pending') return record(parts, claim, { state: 'pending', missed: 0, problem, checkedAt });
  // Whoever checks many times in a row by hand finds one fault, and not many.
  const isDue = checkedAt.getTime() - (claim.checkedAt?.getTime() ?? 0) >= recheckMs;
  if (!isDue) return { ...claim, problem };
  const missed = claim.missed + 1;
  const isFailing = claim.state === 'verified' && missed >= maxMissed;
  if (!isFailing) return record(parts, claim, { state: claim.state, missed, problem, checkedAt });
  const failing = await audited(parts, claim, () =>
    record(parts, claim, { state: 'failing', missed, problem, checkedAt }),
  );
  await tell(parts, claim, 'domainUnverified');
  return failing;
}

/** Of processes that check a claim at once, one records what it has found. */
async function record<T extends Tenant>(
  parts: ClaimParts<T>,
  claim: StoredClaim,
  found: ClaimCheck,
): Promise<StoredClaim> {
  return (await parts.claims.check(claim, found)) ?? current(parts, claim);
}

async function current<T extends Tenant>({ claims }: ClaimParts<T>, claim: StoredClaim): Promise<StoredClaim> {
  const now = await claims.find(claim.tenantId, claim.host);
  if (now?.token !== claim.token) throw domainUnclaimed(claim);
  return now;
}

/** What changes a state is recorded. A check that finds what was known is not. */
function audited<T extends Tenant, R>(
  { auditing, claims }: ClaimParts<T>,
  { tenantId, host }: StoredClaim,
  act: () => Promise<R>,
): Promise<R> {
  async function look(): Promise<unknown> {
    const { state, problem } = (await claims.find(tenantId, host)) ?? {};
    return { host, state, ...(problem !== undefined && { problem }) };
  }
  return auditing({ verb: 'verify-domain', tenant: tenantId, before: look, after: look }, act);
}

async function tell<T extends Tenant>(
  { records, signals }: ClaimParts<T>,
  { host, tenantId, primary }: StoredClaim,
  signal: 'domainVerified' | 'domainUnverified',
): Promise<void> {
  const domain: Domain = { host, tenantId, primary };
  await signals.emit(signal, { tenant: await records.read(tenantId), domain });
}
