import { unknownTenant } from './errors.ts';
import { adoptTenant } from './lifecycle/adopt.ts';
import { addDomain, changeStatus, removeDomain, updateTenant } from './lifecycle/change-record.ts';
import { createTenant } from './lifecycle/create.ts';
import { createExclusively, type VerbOptions } from './lifecycle/exclusive.ts';
import type { Lifecycle } from './lifecycle/lifecycle.ts';
import { fleetMigration, migrateTenant } from './lifecycle/migrate.ts';
import { purgeTenants } from './lifecycle/purge.ts';
import { type RemoveOptions, removeTenant } from './lifecycle/remove.ts';
import { clearTenant, repairTenant } from './lifecycle/repair.ts';
import { retention } from './lifecycle/retention.ts';
import { parseDomain } from './models/domain.ts';
import { isTenantId, type Tenant } from './models/tenant.ts';
import type { TenantCache } from './tenant-cache.ts';
import type { TenantRegistry } from './tenant-registry.ts';

/** The parts of a registry. */
export interface RegistryOptions<T extends Tenant> extends Omit<Lifecycle<T>, 'exclusively'> {
  readonly cache: TenantCache<T>;
  readonly verbs?: VerbOptions | undefined;
}

/** The registry of one tenancy. It checks each id before a store or a resource sees it. */
export function createRegistry<T extends Tenant>({ cache, verbs, ...parts }: RegistryOptions<T>): TenantRegistry<T> {
  const { store } = parts;
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

  for (const resource of parts.resources) resource.joined?.(fleetMigration(lifecycle, resource));

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

    update: async (id, change) => updateTenant(lifecycle, checked(id), change),
    suspend: async (id) => changeStatus(lifecycle, checked(id), 'suspend'),
    startMaintenance: async (id) => changeStatus(lifecycle, checked(id), 'startMaintenance'),
    archive: async (id, { retainUntil = null as Date | null } = {}) =>
      changeStatus(lifecycle, checked(id), 'archive', retention<T>(id, retainUntil)),
    resume: async (id) => changeStatus(lifecycle, checked(id), 'resume', retention<T>(id, null)),

    async domains(id) {
      const tenant = await get(id);
      return store.domains(tenant.id);
    },

    async addDomain(id, named, { primary = false } = {}) {
      return addDomain(lifecycle, { host: parseDomain(named), tenantId: checked(id), primary });
    },

    async removeDomain(id, named) {
      await removeDomain(lifecycle, id, named);
    },
  };
}

/** @throws TENANT_UNKNOWN if no tenant can have the id. */
function checked(id: string): string {
  if (isTenantId(id)) return id;
  throw unknownTenant(id);
}
