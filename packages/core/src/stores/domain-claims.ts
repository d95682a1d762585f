/** How far a tenant is with proving a host: not yet, proved, or proved once and not found any more. */
export type DomainClaimState = 'pending' | 'verified' | 'failing';

/** Why a check did not find the proof: there is no record, it has other values, or no server answers. */
export type DomainProblem = 'missing' | 'different' | 'unanswered';

/** A tenant that says that a host is its own. */
export interface ClaimDraft {
  readonly host: string;
  readonly tenantId: string;
  /** The creation of the tenant, by which its incarnation is known. */
  readonly tenantCreatedAt: Date;
  /** What the owner of the host publishes. */
  readonly token: string;
  /** Whether the host becomes the tenant's primary domain. */
  readonly primary: boolean;
  readonly claimedAt: Date;
}

/** A claim, as it is recorded. */
export interface StoredClaim extends ClaimDraft, ClaimCheck {
  /** When the host was proved first. */
  readonly verifiedAt?: Date | undefined;
}

/** What is known since a check. */
export interface ClaimCheck {
  readonly state: DomainClaimState;
  /** How many checks in a row have not found the proof. */
  readonly missed: number;
  readonly problem?: DomainProblem | undefined;
  readonly checkedAt?: Date | undefined;
}

/** Which claims a page has. */
export interface ClaimQuery {
  readonly tenant?: string | undefined;
  readonly host?: string | undefined;
  readonly state?: DomainClaimState | undefined;
  /** Only claims that were not checked after this moment. */
  readonly uncheckedSince?: Date | undefined;
  /** The claim after which the page begins. */
  readonly after?: Pick<StoredClaim, 'host' | 'tenantId'> | undefined;
  readonly limit: number;
}

/** What has to be true where a tenant gets a domain. */
export interface DomainTerms {
  /** No other tenant, and no former tenant of the same id, has had the host since. */
  readonly unusedSince?: Date | undefined;
  /** The claim that was proved. It becomes `verified` in the same step. */
  readonly claim?: StoredClaim | undefined;
}

/**
 * The claims of tenants to hosts, and the hosts that tenants have had. A store that has them forgets the claims of a domain or tenant
 * that is removed, remembers its hosts, and keeps the terms of `insert` and `addDomain`.
 */
export interface DomainClaims {
  /**
   * Records a claim as `pending`, or gives the one that the tenant has to the host. Rejects with TENANT_UNKNOWN, TENANT_OUTDATED for
   * another incarnation, or DOMAIN_TAKEN where another tenant has the host, or has had it since `unusedSince`.
   */
  add(claim: ClaimDraft, unusedSince: Date): Promise<StoredClaim>;
  find(tenantId: string, host: string): Promise<StoredClaim | undefined>;
  /** Claims in the order of their hosts and tenants. */
  page(query: ClaimQuery): Promise<readonly StoredClaim[]>;
  /** Records a check of a claim as it was read. Resolves to `undefined`, and changes nothing, if it was checked or removed since. */
  check(claim: StoredClaim, found: ClaimCheck): Promise<StoredClaim | undefined>;
  /** Removes a claim, and no domain. Returns whether there was one. */
  remove(tenantId: string, host: string): Promise<boolean>;
  /** Forgets who has had a host. Returns whether anybody had. */
  forget(host: string): Promise<boolean>;
}
