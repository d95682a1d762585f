import { domainTaken, leaseLost, tenantExists, tenantOutdated, transitionRefused, unknownTenant } from '../errors.ts';
import type { Domain } from '../models/domain.ts';
import { type Tenant, tenantSnapshot } from '../models/tenant.ts';
import { parseTenantChange } from '../models/tenant-input.ts';
import { memoryLeases } from './memory-leases.ts';
import type { TenantStore, WriteFence } from './store.ts';

/** An in-memory store, for tests, examples and fixed lists of tenants. */
export function memoryStore<T extends Tenant = Tenant>(): TenantStore<T> {
  const tenants = new Map<string, T>();
  const hosts = new Map<string, Domain>();
  const { holderOf, ...leases } = memoryLeases();

  function existing(id: string): T {
    const tenant = tenants.get(id);
    if (tenant === undefined) throw unknownTenant(id);
    return tenant;
  }

  function checkFence(id: string, { createdAt, holder }: WriteFence): void {
    if (holder !== undefined && holderOf(id) !== holder) throw leaseLost(id);
    const stored = tenants.get(id)?.createdAt;
    if (createdAt !== undefined && stored && stored.getTime() !== createdAt.getTime()) throw tenantOutdated(id);
  }

  function refuseTaken(domain: Domain): void {
    if (hosts.has(domain.host)) throw domainTaken(domain);
  }

  function domainsOf(id: string): Domain[] {
    return [...hosts.values()].filter(({ tenantId }) => tenantId === id).sort((a, b) => (a.host < b.host ? -1 : 1));
  }

  return {
    async find(id) {
      return tenants.get(id);
    },

    async findByDomain(host) {
      const domain = hosts.get(host);
      return domain && tenants.get(domain.tenantId);
    },

    async *all({ status, isolation } = {}) {
      for (const id of [...tenants.keys()].sort()) {
        const tenant = tenants.get(id);
        if (tenant === undefined) continue;
        if (status !== undefined && tenant.status !== status) continue;
        if (isolation !== undefined && tenant.isolation !== isolation) continue;
        yield tenant;
      }
    },

    async insert(draft, domains) {
      const { id } = draft;
      if (tenants.has(id)) throw tenantExists(id);
      domains.forEach(refuseTaken);
      const now = new Date();
      const tenant = tenantSnapshot({ ...draft, createdAt: now, updatedAt: now } as unknown as T);
      tenants.set(id, tenant);
      for (const domain of domains) hosts.set(domain.host, Object.freeze({ ...domain }));
      return tenant;
    },

    async update(id, change, from, fence = {}) {
      checkFence(id, fence);
      const tenant = existing(id);
      parseTenantChange(id, change);
      if (from !== undefined && !from.includes(tenant.status)) throw transitionRefused(tenant, from);
      const changed = tenantSnapshot({ ...tenant, ...change, updatedAt: new Date() });
      tenants.set(id, changed);
      return changed;
    },

    async delete(id, fence = {}) {
      checkFence(id, fence);
      tenants.delete(id);
      for (const { host } of domainsOf(id)) hosts.delete(host);
    },

    async domains(id) {
      return domainsOf(id);
    },

    async addDomain(domain) {
      existing(domain.tenantId);
      refuseTaken(domain);
      for (const old of domain.primary ? domainsOf(domain.tenantId) : []) {
        hosts.set(old.host, Object.freeze({ ...old, primary: false }));
      }
      hosts.set(domain.host, Object.freeze({ ...domain }));
    },

    async removeDomain(tenantId, host) {
      return hosts.get(host)?.tenantId === tenantId && hosts.delete(host);
    },

    async existing({ ids, hosts: named }) {
      return { ids: ids.filter((id) => tenants.has(id)), hosts: named.filter((host) => hosts.has(host)) };
    },

    leases,
  };
}
