import type { Domain } from '../models/domain.ts';
import type { Tenant, TenantChange, TenantDraft, TenantStatus } from '../models/tenant.ts';
import type { TenantChanges } from './changes.ts';
import type { TenantLeases } from './leases.ts';

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

/** What a write is meant for: it changes nothing if the record is another incarnation's by then, or the lease another holder's. */
export interface WriteFence {
  /** When the tenant was created, by which its incarnation is known. */
  readonly createdAt?: Date | undefined;
  /** The holder of the id's lease. */
  readonly holder?: string | undefined;
}

/**
 * Where tenants and their domains are kept. Tenants come back as deep-frozen snapshots (`tenantSnapshot`), because all
 * scopes share them. A store that cannot be reached rejects; it never answers `undefined`. `storeSuite` is its specification.
 */
export interface TenantStore<T extends Tenant = Tenant> {
  find(id: string): Promise<T | undefined>;
  findByDomain(host: string): Promise<T | undefined>;
  /** Streams tenants in the order of their ids. */
  all(filter?: TenantFilter): AsyncIterable<T>;
  /** Stores a tenant and its domains, all or nothing. Rejects with TENANT_EXISTS or DOMAIN_TAKEN. */
  insert(tenant: TenantDraft<T>, domains: readonly Domain[]): Promise<T>;
  /**
   * Changes a tenant in one step, and only while its status is one of `from`. Rejects with TENANT_UNKNOWN,
   * TRANSITION_REFUSED, or TENANT_INVALID for a column that does not exist or never changes; and where the fence does not let
   * it through with TENANT_OUTDATED for another incarnation, or TENANT_BUSY for another holder.
   */
  update(id: string, change: TenantChange<T>, from?: readonly TenantStatus[], fence?: WriteFence): Promise<T>;
  /** Deletes a tenant and its domains; does nothing if there is none. Rejects as `update` where the fence does not let it through. */
  delete(id: string, fence?: WriteFence): Promise<void>;
  /** The tenant's domains, in the order of their hosts. */
  domains(id: string): Promise<Domain[]>;
  /** Adds a domain; a new primary domain replaces the old one. Rejects with TENANT_UNKNOWN or DOMAIN_TAKEN. */
  addDomain(domain: Domain): Promise<void>;
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
}
