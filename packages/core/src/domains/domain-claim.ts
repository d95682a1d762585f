import type { DomainClaimState, DomainProblem, StoredClaim } from '../stores/domain-claims.ts';
import { type ClaimRecord, claimRecord } from './claim-record.ts';

/** A tenant's claim to a host. */
export interface DomainClaim {
  readonly host: string;
  readonly tenant: string;
  /** `pending`: the host is nobody's by this claim. `verified` and `failing`: it is a domain of the tenant. */
  readonly state: DomainClaimState;
  /** Whether the host becomes the tenant's primary domain. */
  readonly primary: boolean;
  /** What the customer publishes, and leaves in place. */
  readonly record: ClaimRecord;
  /** Why the last check did not find the record. */
  readonly problem?: DomainProblem | undefined;
  readonly claimedAt: Date;
  readonly checkedAt?: Date | undefined;
  /** When the host was proved first. */
  readonly verifiedAt?: Date | undefined;
}

/** A claim as applications see it. */
export function domainClaim(label: string, claim: StoredClaim): DomainClaim {
  const { host, tenantId: tenant, token, state, primary, problem, claimedAt, checkedAt, verifiedAt } = claim;
  return {
    ...{ host, tenant, state, primary, record: claimRecord(label, host, token) },
    ...(problem !== undefined && { problem }),
    claimedAt,
    ...(checkedAt !== undefined && { checkedAt }),
    ...(verifiedAt !== undefined && { verifiedAt }),
  };
}
