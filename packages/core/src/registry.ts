import { TenancyError, unknownTenant } from './errors.ts';
import { transitions } from './lifecycle.ts';
import { parseDomain } from './models/domain.ts';
import type { Tenant, TenantChange } from './models/tenant.ts';
import { parseTenantChange } from './models/tenant-input.ts';
import { createProvisioner, type ProvisionerOptions, refusePublicHosts } from './provisioner.ts';
import type { TenantCache } from './tenant-cache.ts';
import type { TenantRegistry } from './tenant-registry.ts';

/** What a registry works with. */
export interface RegistryOptions<T extends Tenant> extends ProvisionerOptions<T> {
  readonly cache: TenantCache<T>;
}

/** The registry of one tenancy. */
export function createRegistry<T extends Tenant>(options: RegistryOptions<T>): TenantRegistry<T> {
  const { store, cache, records, signals, publicHosts } = options;

  async function get(id: string): Promise<T> {
    const tenant = await cache.find(id);
    if (tenant === undefined) throw unknownTenant(id);
    return tenant;
  }

  return {
    get,

    async tryGet(id) {
      return cache.find(id);
    },

    async findByDomain(host) {
      return cache.findByDomain(host);
    },

    all(filter) {
      return store.all(filter);
    },

    ...createProvisioner(options),

    async update(id, change) {
      const refused = ['status', 'placement'].find((key) => key in change);
      if (refused !== undefined) {
        const message = `The ${refused} of the tenant "${id}" is not changed by update().`;
        throw new TenancyError('TENANT_INVALID', message, { tenant: id });
      }
      return records.update(id, parseTenantChange(id, change as TenantChange<T>));
    },

    async suspend(id) {
      const tenant = await records.transit(id, transitions.suspend);
      await signals.emit('suspended', { tenant });
      return tenant;
    },

    startMaintenance(id) {
      return records.transit(id, transitions.startMaintenance);
    },

    archive(id) {
      return records.transit(id, transitions.archive);
    },

    async resume(id) {
      const tenant = await records.transit(id, transitions.resume);
      await signals.emit('resumed', { tenant });
      return tenant;
    },

    async domains(id) {
      const tenant = await get(id);
      return store.domains(tenant.id);
    },

    async addDomain(id, named, { primary = false } = {}) {
      const domain = { host: parseDomain(named), tenantId: id, primary };
      refusePublicHosts([domain], publicHosts);
      await records.addDomain(domain);
      return domain;
    },

    async removeDomain(id, named) {
      await records.removeDomain(id, parseDomain(named));
    },
  };
}
