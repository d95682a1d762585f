import type { Domain } from '../models/domain.ts';
import type { Tenant, TenantChange, TenantDraft, TenantStatus } from '../models/tenant.ts';
import type { TenantAudit } from './audit.ts';
import type { TenantChanges } from './changes.ts';
import type { DomainClaims, DomainTerms } from './domain-claims.ts';
import type { TenantLeases } from './leases.ts';
import type { TenantOperations } from './operations.ts';
import type { Outbox } from './outbox.ts';
import type { TokenRedemptions } from './redemptions.ts';
import type { TenantSearch } from './search.ts';
import type { UsageStore } from './usage.ts';

/** Which tenants `all` streams. */
export interface TenantFilter {
  readonly status?: TenantStatus;
  readonly isolation?: string;
}

/** Names by which tenants are looked up. */
export interface TenantNames {
  readonly ids: readonly string[];
  readonly hosts: readonly string[];
}

/** The expected state of a write: it changes nothing if the record belongs to another incarnation, or the lease to another holder. */
export interface WriteFence {
  /** When the tenant was created, by which its incarnation is known. */
  readonly createdAt?: Date | undefined;
  /** The holder of the id's lease. */
  readonly holder?: string | undefined;
  /** When the record was changed last, as the caller has seen it. */
  readonly updatedAt?: Date | undefined;
}

/**
 * The storage of tenants and their domains. Tenants are returned as deep-frozen snapshots (`tenantSnapshot`), because all
 * scopes share them. A store that cannot be reached rejects; it never answers `undefined`. `storeSuite` is its specification.
 */
export interface TenantStore<T extends Tenant = Tenant> {
  find(id: string): Promise<T | undefined>;
  findByDomain(host: string): Promise<T | undefined>;
  /** Streams tenants in the order of their ids. */
  all(filter?: TenantFilter): AsyncIterable<T>;
  /** Stores a tenant and its domains, all or nothing. Rejects with TENANT_EXISTS or DOMAIN_TAKEN. */
  insert(tenant: TenantDraft<T>, domains: readonly Domain[], terms?: DomainTerms): Promise<T>;
  /**
   * Changes a tenant in one step, and only while its status is one of `from`. Rejects with TENANT_UNKNOWN,
   * TRANSITION_REFUSED, or TENANT_INVALID for a column that does not exist or never changes; and where the fence does not let
   * it through with TENANT_OUTDATED for another incarnation, TENANT_CHANGED for a record that was changed since, or
   * TENANT_BUSY for another holder.
   */
  update(id: string, change: TenantChange<T>, from?: readonly TenantStatus[], fence?: WriteFence): Promise<T>;
  /** Deletes a tenant and its domains; does nothing if there is none. Rejects as `update` where the fence does not let it through. */
  delete(id: string, fence?: WriteFence): Promise<void>;
  /** The tenant's domains, in the order of their hosts. */
  domains(id: string): Promise<Domain[]>;
  /** Adds a domain; a new primary domain replaces the old one. Rejects with TENANT_UNKNOWN or DOMAIN_TAKEN. */
  addDomain(domain: Domain, terms?: DomainTerms): Promise<void>;
  /** Removes a domain if it is the tenant's. Returns whether it was. */
  removeDomain(tenantId: string, host: string): Promise<boolean>;
  /**
   * Which of many names lead to a tenant, in one query. It is asked while more lookups wait than may run at once, as in a flood of
   * unknown hosts; without it they wait in their order. It may return more names than exist, never fewer.
   */
  existing?(names: TenantNames): Promise<TenantNames>;
  /**
   * What has changed since a moment, in the order of commits; without `since`, where the feed is now. Each process asks about once
   * a second while it serves requests. Without it, changes of other processes are seen when what is cached runs out.
   */
  changes?(since?: number): Promise<TenantChanges>;
  /** Leases of ids, for stores that several processes share. Without them, verbs exclude each other in one process only. */
  readonly leases?: TenantLeases;
  /** Pages, searches and counts, for operators. */
  readonly search?: TenantSearch<T>;
  /**
   * The application's columns that nobody is shown, such as a hash, and members of columns by their paths, such as `billing.iban`. The audit
   * and the control plane have `***` in their place.
   */
  readonly hiddenColumns?: readonly string[];
  /** The record of every verb. With it, a verb that cannot be recorded is refused. */
  readonly audit?: TenantAudit;
  /** The long verbs that operators have begun. */
  readonly operations?: TenantOperations;
  /** Events of tenants for subscribers, such as webhooks. */
  readonly outbox?: Outbox;
  /** What tenants have used, for the option `usage` of a tenancy. Without it, usage is neither counted nor read. */
  readonly usage?: UsageStore;
  /** Which tokens are used, for the option `impersonation` of a tenancy. */
  readonly redemptions?: TokenRedemptions;
  /** The claims of tenants to hosts, for the option `domains` of a tenancy. Only a store that has them keeps terms. */
  readonly domainClaims?: DomainClaims;
}
