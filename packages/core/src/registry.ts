import { TenancyError, unknownTenant } from './errors.ts';
import { adoptTenant } from './lifecycle/adopt.ts';
import { createTenant } from './lifecycle/create.ts';
import { createExclusively, type VerbOptions } from './lifecycle/exclusive.ts';
import type { Lifecycle } from './lifecycle/lifecycle.ts';
import { migrateTenant } from './lifecycle/migrate.ts';
import { purgeTenants, retention } from './lifecycle/purge.ts';
import { refusePublicHosts } from './lifecycle/refuse-public-hosts.ts';
import { type RemoveOptions, removeTenant } from './lifecycle/remove.ts';
import { clearTenant, repairTenant } from './lifecycle/repair.ts';
import { transitions } from './lifecycle/transitions.ts';
import { parseDomain } from './models/domain.ts';
import { isTenantId, type Tenant, type TenantChange } from './models/tenant.ts';
import { parseTenantChange } from './models/tenant-input.ts';
import type { TenantCache } from './tenant-cache.ts';
import type { TenantRegistry } from './tenant-registry.ts';

/** The parts of a registry. */
export interface RegistryOptions<T extends Tenant> extends Omit<Lifecycle<T>, 'exclusively'> {
  readonly cache: TenantCache<T>;
  readonly verbs?: VerbOptions | undefined;
}

/** The registry of one tenancy. It checks each id before a store or a resource sees it. */
export function createRegistry<T extends Tenant>({ cache, verbs, ...parts }: RegistryOptions<T>): TenantRegistry<T> {
  const { store, records, signals, publicHosts } = parts;
  const lifecycle: Lifecycle<T> = { ...parts, exclusively: createExclusively(store.leases, verbs) };

  async function get(id: string): Promise<T> {
    const tenant = await cache.find(id);
    if (tenant === undefined) throw unknownTenant(id);
    return tenant;
  }

  async function repair(id: string, options?: { readonly clear?: false }): Promise<T>;
  async function repair(id: string, options: { readonly clear: boolean }): Promise<T | undefined>;
  async function repair(id: string, { clear = false }: { readonly clear?: boolean } = {}): Promise<T | undefined> {
    if (!clear) return repairTenant(lifecycle, checked(id));
    await clearTenant(lifecycle, checked(id));
    return undefined;
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

    create(input) {
      return createTenant(lifecycle, input);
    },

    adopt(input, options) {
      return adoptTenant(lifecycle, input, options);
    },

    repair,

    async migrate(id) {
      return migrateTenant(lifecycle, checked(id));
    },

    remove: (async (id: string, options?: RemoveOptions) =>
      removeTenant(lifecycle, checked(id), options)) as TenantRegistry<T>['remove'],

    async purge(options) {
      return purgeTenants(lifecycle, options);
    },

    async update(id, change) {
      const refused = ['status', 'placement', 'retainUntil'].find((key) => key in change);
      if (refused !== undefined) {
        const message = `update() cannot change the ${refused} of tenant "${id}".`;
        throw new TenancyError('TENANT_INVALID', message, { tenant: id });
      }
      return records.update(checked(id), parseTenantChange(id, change as TenantChange<T>));
    },

    async suspend(id) {
      const tenant = await records.transit(checked(id), transitions.suspend);
      await signals.emit('suspended', { tenant });
      return tenant;
    },

    async startMaintenance(id) {
      return records.transit(checked(id), transitions.startMaintenance);
    },

    async archive(id, { retainUntil = null as Date | null } = {}) {
      return records.transit(checked(id), transitions.archive, undefined, retention(id, retainUntil));
    },

    async resume(id) {
      const tenant = await records.transit(checked(id), transitions.resume, undefined, retention(id, null));
      await signals.emit('resumed', { tenant });
      return tenant;
    },

    async domains(id) {
      const tenant = await get(id);
      return store.domains(tenant.id);
    },

    async addDomain(id, named, { primary = false } = {}) {
      const domain = { host: parseDomain(named), tenantId: checked(id), primary };
      refusePublicHosts([domain], publicHosts);
      await records.addDomain(domain);
      return domain;
    },

    async removeDomain(id, named) {
      await records.removeDomain(id, parseDomain(named));
    },
  };
}

/** @throws TENANT_UNKNOWN if no tenant can have the id. */
function checked(id: string): string {
  if (isTenantId(id)) return id;
  throw unknownTenant(id);
}
