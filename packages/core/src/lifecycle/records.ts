import { unknownTenant } from '../errors/errors.ts';
import type { TenantCache } from '../lookup/tenant-cache.ts';
import type { Domain } from '../models/domain.ts';
import type { Tenant, TenantChange, TenantDraft, TenantStatus } from '../models/tenant.ts';
import type { ResourceVerbs } from '../resource.ts';
import { outside } from '../scope/context.ts';
import type { OnError } from '../signals/signals.ts';
import type { DomainTerms } from '../stores/domain-claims.ts';
import type { TenantStore, WriteFence } from '../stores/store.ts';
import type { Transition } from './transitions.ts';

/**
 * The stored tenants, past the cache. Every write invalidates the cache and the resources, even if it rejects: the store may
 * have made the change although its answer was lost. Ids have been checked by the caller. A write that is given a tenant and not an
 * id is meant for that incarnation, and for the holder of the lease where one is named.
 */
export interface TenantRecords<T extends Tenant> {
  /** Rejects with TENANT_UNKNOWN. */
  read(id: string): Promise<T>;
  insert(draft: TenantDraft<T>, domains: readonly Domain[], terms?: DomainTerms): Promise<T>;
  update(id: string, change: TenantChange<T>, fence?: WriteFence): Promise<T>;
  transit(
    tenant: string | T,
    transition: Transition,
    holder?: string,
    more?: TenantChange<T>,
    unchangedSince?: Date,
  ): Promise<T>;
  delete(tenant: T, holder?: string): Promise<void>;
  /** Invalidates the cached record, which a resource may have changed. */
  refresh(id: string): void;
  /** Invalidates the record, and what resources have cached of the tenant, which one of them may have moved. */
  moved(id: string): Promise<void>;
  addDomain(domain: Domain, terms?: DomainTerms): Promise<void>;
  removeDomain(tenantId: string, host: string): Promise<void>;
}

/** What the records are written to, and what a write invalidates. */
export interface TenantRecordsOptions<T extends Tenant> {
  readonly store: TenantStore<T>;
  readonly cache: TenantCache<T>;
  readonly resources: readonly ResourceVerbs[];
  readonly onError: OnError;
}

/** Tells the resources that a tenant's record has changed. Never rejects. */
export async function invalidateResources(
  id: string,
  { resources, onError }: Pick<TenantRecordsOptions<Tenant>, 'resources' | 'onError'>,
): Promise<void> {
  for (const resource of resources) {
    try {
      await outside(() => resource.changed?.(id));
    } catch (error) {
      onError(error, { tenant: id });
    }
  }
}

/** The records of one tenancy. */
export function createTenantRecords<T extends Tenant>(options: TenantRecordsOptions<T>): TenantRecords<T> {
  const { store, cache } = options;

  async function update(
    id: string,
    change: TenantChange<T>,
    from?: readonly TenantStatus[],
    fence?: WriteFence,
  ): Promise<T> {
    try {
      return await store.update(id, change, from, fence);
    } finally {
      cache.changed(id);
      await invalidateResources(id, options);
    }
  }

  return {
    async read(id) {
      const tenant = await store.find(id);
      if (tenant === undefined) throw unknownTenant(id);
      return tenant;
    },

    async insert(draft, domains, terms) {
      try {
        return await store.insert(draft, domains, terms);
      } finally {
        cache.changed(draft.id);
        for (const { host } of domains) cache.domainChanged(host);
      }
    },

    update: (id, change, fence) => update(id, change, undefined, fence),

    transit(tenant, { from, to }, holder, more, updatedAt) {
      const change = { ...more, status: to } as TenantChange<T>;
      if (typeof tenant === 'string') return update(tenant, change, from);
      return update(tenant.id, change, from, { createdAt: tenant.createdAt, holder, updatedAt });
    },

    async delete({ id, createdAt }, holder) {
      try {
        await store.delete(id, { createdAt, holder });
      } finally {
        cache.gone(id);
        await invalidateResources(id, options);
      }
    },

    refresh(id) {
      cache.changed(id);
    },

    async moved(id) {
      cache.changed(id);
      await invalidateResources(id, options);
    },

    async addDomain(domain, terms) {
      try {
        await store.addDomain(domain, terms);
      } finally {
        cache.domainChanged(domain.host);
      }
    },

    async removeDomain(tenantId, host) {
      try {
        await store.removeDomain(tenantId, host);
      } finally {
        cache.domainChanged(host);
      }
    },
  };
}
