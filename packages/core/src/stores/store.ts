import type { Domain } from '../models/domain.ts';
import type { Tenant, TenantChange, TenantDraft, TenantStatus } from '../models/tenant.ts';

/** Which tenants `all` streams. */
export interface TenantFilter {
  readonly status?: TenantStatus;
  readonly isolation?: string;
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
   * TRANSITION_REFUSED, or TENANT_INVALID for a column that does not exist or never changes.
   */
  update(id: string, change: TenantChange<T>, from?: readonly TenantStatus[]): Promise<T>;
  /** Deletes a tenant and its domains; does nothing if there is none. */
  delete(id: string): Promise<void>;
  /** The tenant's domains, in the order of their hosts. */
  domains(id: string): Promise<Domain[]>;
  /** Adds a domain; a new primary domain replaces the old one. Rejects with TENANT_UNKNOWN or DOMAIN_TAKEN. */
  addDomain(domain: Domain): Promise<void>;
  /** Removes a domain if it is the tenant's. Returns whether it was. */
  removeDomain(tenantId: string, host: string): Promise<boolean>;
}
