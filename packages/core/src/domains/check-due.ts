import { TenancyError } from '../errors/errors.ts';
import type { Tenant } from '../models/tenant.ts';
import type { DomainClaimState, DomainClaims, StoredClaim } from '../stores/domain-claims.ts';
import { type ClaimParts, checkClaim } from './check-claim.ts';
import { type DomainClaim, domainClaim } from './domain-claim.ts';

/** How claims are checked. */
export interface CheckOptions {
  /** How many are checked at a time. Default 8. */
  readonly concurrency?: number | undefined;
  /** Checks no further claim once aborted. */
  readonly signal?: AbortSignal | undefined;
}

/** The result of a check of all claims that were due. */
export interface DomainChecks {
  /** How many were checked. */
  readonly checked: number;
  /** Those that were proved, or are found again. */
  readonly verified: readonly DomainClaim[];
  /** Those that are failing since this check. */
  readonly failing: readonly DomainClaim[];
  /** Those that are proved and cannot be the tenant's domain, such as where a handler vetoes. */
  readonly failed: readonly { readonly claim: DomainClaim; readonly error: unknown }[];
}

/** A claim that is not proved is checked again after so long, and no longer by itself when it is as old as that. */
const pendingMs = 5 * 60_000;
const abandonedMs = 14 * 86_400_000;

const pageSize = 100;

/**
 * Checks the claims that nobody has checked lately. One that fails does not stop the others.
 *
 * @throws CONFIG_INVALID
 */
export async function checkDue<T extends Tenant>(
  parts: ClaimParts<T>,
  { concurrency = 8, signal }: CheckOptions = {},
): Promise<DomainChecks> {
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw new TenancyError('CONFIG_INVALID', `verifyDue() takes a concurrency from 1, not ${concurrency}.`);
  }
  const { label } = parts.options;
  const checks = {
    checked: 0,
    verified: [] as DomainClaim[],
    failing: [] as DomainClaim[],
    failed: [] as { claim: DomainClaim; error: unknown }[],
  };

  async function check(claim: StoredClaim): Promise<void> {
    checks.checked += 1;
    try {
      const { state } = claim;
      const now = await checkClaim(parts, claim);
      if (now.state !== state && now.state !== 'pending') checks[now.state].push(domainClaim(label, now));
    } catch (error) {
      checks.failed.push({ claim: domainClaim(label, claim), error });
    }
  }

  const due = dueClaims(parts);
  async function work(): Promise<void> {
    while (!signal?.aborted) {
      const next = await due.next();
      if (next.done) return;
      await check(next.value);
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work));
  return checks;
}

async function* dueClaims<T extends Tenant>({ claims, options }: ClaimParts<T>): AsyncGenerator<StoredClaim> {
  const now = Date.now();
  const everyMs: Readonly<Record<DomainClaimState, number>> = {
    pending: pendingMs,
    verified: options.recheckMs,
    failing: options.recheckMs,
  };
  for (const [state, ms] of Object.entries(everyMs) as [DomainClaimState, number][]) {
    for await (const claim of allClaims(claims, { state, uncheckedSince: new Date(now - ms) })) {
      if (state !== 'pending' || now - claim.claimedAt.getTime() < abandonedMs) yield claim;
    }
  }
}

/** Claims in the order of their hosts, a page at a time. */
export async function* allClaims(
  claims: DomainClaims,
  query: Omit<Parameters<DomainClaims['page']>[0], 'after' | 'limit'>,
): AsyncGenerator<StoredClaim> {
  let after: StoredClaim | undefined;
  do {
    const page = await claims.page({ ...query, after, limit: pageSize });
    yield* page;
    after = page.length === pageSize ? page.at(-1) : undefined;
  } while (after !== undefined);
}
