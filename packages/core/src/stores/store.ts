import type { Domain } from '../models/domain.ts';
import type { Tenant, TenantChange, TenantDraft, TenantStatus } from '../models/tenant.ts';

/** Which tenants `all` is to give. */
export interface TenantFilter {
  readonly status?: TenantStatus;
  readonly isolation?: string;
}

/**
 * Where tenants and their domains are kept. Tenants come back as deep-frozen snapshots (`tenantSnapshot`), because all
 * scopes share them. A store that cannot be reached rejects; it never answers "not there". `storeSuite` is its specification.
 */
export interface TenantStore<T extends Tenant = Tenant> {
  find(id: string): Promise<T | undefined>;
  findByDomain(host: string): Promise<T | undefined>;
  /** Streams tenants in the order of their ids. */
  all(filter?: TenantFilter): AsyncIterable<T>;
  /** Keeps a tenant and its domains, all or nothing. Rejects with TENANT_EXISTS or DOMAIN_TAKEN. */
  insert(tenant: TenantDraft<T>, domains: readonly Domain[]): Promise<T>;
  /**
   * Changes a tenant in one step, and only while its status is one of `from`. Rejects with TENANT_UNKNOWN,
   * TRANSITION_REFUSED, or TENANT_INVALID for a column that it does not have or that never changes.
   */
  update(id: string, change: TenantChange<T>, from?: readonly TenantStatus[]): Promise<T>;
  /** Forgets a tenant with its domains, and does nothing where it is already gone. */
  delete(id: string): Promise<void>;
  /** The tenant's domains, in the order of their hosts. */
  domains(id: string): Promise<Domain[]>;
  /** Adds a domain; a new primary one takes the place of the old. Rejects with TENANT_UNKNOWN or DOMAIN_TAKEN. */
  addDomain(domain: Domain): Promise<void>;
  /** Takes a domain away from its tenant, and does nothing where it leads elsewhere. Says whether it was there. */
  removeDomain(tenantId: string, host: string): Promise<boolean>;
}
