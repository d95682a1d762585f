import {
  domainTaken,
  leaseLost,
  tenantChanged,
  tenantExists,
  tenantOutdated,
  transitionRefused,
  unknownTenant,
} from '../errors/errors.ts';
import type { Domain } from '../models/domain.ts';
import { type Tenant, tenantSnapshot } from '../models/tenant.ts';
import { parseTenantChange } from '../models/tenant-input.ts';
import { memoryAudit } from './memory-audit.ts';
import { memoryDomainClaims } from './memory-domain-claims.ts';
import { memoryLeases } from './memory-leases.ts';
import { memoryOperations } from './memory-operations.ts';
import { memoryRedemptions } from './memory-redemptions.ts';
import { memorySearch } from './memory-search.ts';
import { memoryUsage } from './memory-usage.ts';
import type { TenantFilter, TenantStore, WriteFence } from './store.ts';

/** An in-memory store, for tests, examples and fixed lists of tenants. */
export function memoryStore<T extends Tenant = Tenant>(): TenantStore<T> {
  const tenants = new Map<string, T>();
  const hosts = new Map<string, Domain>();
  const { holderOf, ...leases } = memoryLeases();
  const claiming = memoryDomainClaims({ tenantOf: existing, domainOf: (host) => hosts.get(host) });

  function existing(id: string): T {
    const tenant = tenants.get(id);
    if (tenant === undefined) throw unknownTenant(id);
    return tenant;
  }

  function refuseTaken(domain: Domain): void {
    if (hosts.has(domain.host)) throw domainTaken(domain);
  }

  function domainsOf(id: string): Domain[] {
    return [...hosts.values()].filter(({ tenantId }) => tenantId === id).sort((a, b) => (a.host < b.host ? -1 : 1));
  }

  const store: TenantStore<T> = {
    async find(id) {
      return tenants.get(id);
    },

    async findByDomain(host) {
      return tenants.get(hosts.get(host)?.tenantId ?? '');
    },

    async *all(filter = {}) {
      for (const id of [...tenants.keys()].sort()) {
        const tenant = tenants.get(id);
        if (tenant !== undefined && fits(tenant, filter)) yield tenant;
      }
    },

    async insert(draft, domains, terms = {}) {
      const { id } = draft;
      if (tenants.has(id)) throw tenantExists(id);
      domains.forEach(refuseTaken);
      claiming.admit(domains, undefined, terms);
      const now = new Date();
      const tenant = tenantSnapshot({ ...draft, createdAt: now, updatedAt: now } as unknown as T);
      tenants.set(id, tenant);
      for (const domain of domains) hosts.set(domain.host, Object.freeze({ ...domain }));
      return tenant;
    },

    async update(id, change, from, fence = {}) {
      checkFence(id, fence, { stored: tenants.get(id), holder: holderOf(id) });
      const tenant = existing(id);
      parseTenantChange(id, change);
      if (from !== undefined && !from.includes(tenant.status)) throw transitionRefused(tenant, from);
      const updatedAt = new Date(Math.max(Date.now(), tenant.updatedAt.getTime() + 1));
      const changed = tenantSnapshot({ ...tenant, ...change, updatedAt });
      tenants.set(id, changed);
      return changed;
    },

    async delete(id, fence = {}) {
      checkFence(id, fence, { stored: tenants.get(id), holder: holderOf(id) });
      claiming.gone(id, tenants.get(id), domainsOf(id));
      tenants.delete(id);
      for (const { host } of domainsOf(id)) hosts.delete(host);
    },

    async domains(id) {
      return domainsOf(id);
    },

    async addDomain(domain, terms = {}) {
      const tenant = existing(domain.tenantId);
      refuseTaken(domain);
      claiming.admit([domain], tenant, terms);
      for (const old of domain.primary ? domainsOf(domain.tenantId) : []) {
        hosts.set(old.host, Object.freeze({ ...old, primary: false }));
      }
      hosts.set(domain.host, Object.freeze({ ...domain }));
    },

    async removeDomain(tenantId, host) {
      const isOwn = hosts.get(host)?.tenantId === tenantId;
      if (isOwn) claiming.left(host, existing(tenantId));
      return isOwn && hosts.delete(host);
    },

    async existing({ ids, hosts: named }) {
      return { ids: ids.filter((id) => tenants.has(id)), hosts: named.filter((host) => hosts.has(host)) };
    },

    leases,
    search: memorySearch({ all: () => store.all(), domainsOf }),
    ...besideTenants(),
    domainClaims: claiming.claims,
  };
  return store;
}

/** What a store keeps that tells nothing of the tenants as they are. */
function besideTenants(): Pick<TenantStore, 'audit' | 'operations' | 'usage' | 'redemptions'> {
  return {
    audit: memoryAudit(),
    operations: memoryOperations(),
    usage: memoryUsage(),
    redemptions: memoryRedemptions(),
  };
}

function fits(tenant: Tenant, { status = tenant.status, isolation = tenant.isolation }: TenantFilter): boolean {
  return tenant.status === status && tenant.isolation === isolation;
}

function checkFence(
  id: string,
  fence: WriteFence,
  now: { stored: Tenant | undefined; holder: string | undefined },
): void {
  const { createdAt, holder, updatedAt } = fence;
  if (holder !== undefined && now.holder !== holder) throw leaseLost(id);
  if (now.stored === undefined) return;
  if (createdAt !== undefined && now.stored.createdAt.getTime() !== createdAt.getTime()) throw tenantOutdated(id);
  if (updatedAt !== undefined && now.stored.updatedAt.getTime() !== updatedAt.getTime()) throw tenantChanged(id);
}
