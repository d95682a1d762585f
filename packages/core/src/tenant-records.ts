import { outside } from './context.ts';
import { unknownTenant } from './errors.ts';
import type { Transition } from './lifecycle.ts';
import type { Domain } from './models/domain.ts';
import { isTenantId, type Tenant, type TenantChange, type TenantDraft, type TenantStatus } from './models/tenant.ts';
import type { ResourceVerbs } from './resource.ts';
import type { OnError } from './signals.ts';
import type { TenantStore } from './stores/store.ts';
import type { TenantCache } from './tenant-cache.ts';

/**
 * Every write to the store: after it, neither the cache nor a resource holds the older view. That is so when the write
 * rejects, too: an answer that was lost may hide a change that was made.
 */
export interface TenantRecords<T extends Tenant> {
  insert(draft: TenantDraft<T>, domains: readonly Domain[]): Promise<T>;
  update(id: string, change: TenantChange<T>, from?: readonly TenantStatus[]): Promise<T>;
  transit(id: string, transition: Transition): Promise<T>;
  delete(id: string): Promise<void>;
  /** Has the record read again, which a resource may have written to. */
  refresh(id: string): void;
  addDomain(domain: Domain): Promise<void>;
  removeDomain(tenantId: string, host: string): Promise<void>;
}

/** What the records are written to, and who is told. */
export interface TenantRecordsOptions<T extends Tenant> {
  readonly store: TenantStore<T>;
  readonly cache: TenantCache<T>;
  readonly resources: readonly ResourceVerbs[];
  readonly onError: OnError;
}

/** The records of one tenancy. */
export function createTenantRecords<T extends Tenant>(options: TenantRecordsOptions<T>): TenantRecords<T> {
  const { store, cache, resources, onError } = options;

  async function update(id: string, change: TenantChange<T>, from?: readonly TenantStatus[]): Promise<T> {
    if (!isTenantId(id)) throw unknownTenant(id);
    try {
      return await store.update(id, change, from);
    } finally {
      cache.changed(id);
      await invalidateResources(id);
    }
  }

  async function invalidateResources(id: string): Promise<void> {
    for (const resource of resources) {
      try {
        await outside(() => resource.changed?.(id));
      } catch (error) {
        onError(error, { tenant: id });
      }
    }
  }

  return {
    async insert(draft, domains) {
      try {
        return await store.insert(draft, domains);
      } finally {
        cache.changed(draft.id);
        for (const { host } of domains) cache.domainChanged(host);
      }
    },

    update,

    transit(id, { from, to }) {
      return update(id, { status: to } as TenantChange<T>, from);
    },

    async delete(id) {
      try {
        await store.delete(id);
      } finally {
        cache.gone(id);
        await invalidateResources(id);
      }
    },

    refresh(id) {
      cache.changed(id);
    },

    async addDomain(domain) {
      if (!isTenantId(domain.tenantId)) throw unknownTenant(domain.tenantId);
      try {
        await store.addDomain(domain);
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
