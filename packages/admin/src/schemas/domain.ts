import * as v from 'valibot';
import { numberIn } from './tenant.ts';

const ClaimState = v.picklist(['pending', 'verified', 'failing']);

/** A tenant's claim to a host. Only `verified` and `failing` ones are domains of the tenant. */
export const DomainClaim = v.object({
  host: v.string(),
  tenant: v.string(),
  state: ClaimState,
  /** Whether the host becomes the tenant's primary domain. */
  primary: v.boolean(),
  /** What the owner of the host publishes, and leaves in place. */
  record: v.object({ type: v.literal('TXT'), name: v.string(), value: v.string() }),
  /** Why the last check did not find the record. */
  problem: v.nullable(v.picklist(['missing', 'different', 'unanswered'])),
  claimedAt: v.string(),
  checkedAt: v.nullable(v.string()),
  verifiedAt: v.nullable(v.string()),
});

export const ClaimQuery = v.strictObject({
  tenant: v.optional(v.string()),
  state: v.optional(ClaimState),
  limit: v.optional(numberIn(1, 200), '50'),
});

/** The first claims in the order of their hosts, and whether tenants can claim domains here at all. */
export const ClaimList = v.object({ enabled: v.boolean(), claims: v.array(DomainClaim) });

export const Release = v.object({ released: v.boolean() });

export type DomainClaim = v.InferOutput<typeof DomainClaim>;
export type ClaimList = v.InferOutput<typeof ClaimList>;
