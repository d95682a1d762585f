import { unknownTenant } from '../errors/errors.ts';
import { adoptTenant } from '../lifecycle/adopt.ts';
import { addDomain, changeStatus, removeDomain, updateTenant } from '../lifecycle/change-record.ts';
import { createTenant } from '../lifecycle/create.ts';
import { eraseTenant } from '../lifecycle/erase.ts';
import { createExclusively } from '../lifecycle/exclusive.ts';
import { type ExportOptions, exportTenant, type TenantExport } from '../lifecycle/export.ts';
import { importTenant } from '../lifecycle/import.ts';
import type { Lifecycle } from '../lifecycle/lifecycle.ts';
import { fleetMigration, migrateTenant } from '../lifecycle/migrate.ts';
import { moveTenant, undoMove } from '../lifecycle/move.ts';
import { purgeTenants } from '../lifecycle/purge.ts';
import { type RemoveOptions, removeTenant } from '../lifecycle/remove.ts';
import { clearTenant, repairTenant } from '../lifecycle/repair.ts';
import { resetTenant } from '../lifecycle/reset.ts';
import { restoreTenant } from '../lifecycle/restore.ts';
import { retention } from '../lifecycle/retention.ts';
import type { TenantCache } from '../lookup/tenant-cache.ts';
import { parseDomain } from '../models/domain.ts';
import { isTenantId, type Tenant } from '../models/tenant.ts';
import { type VerbOptions, verbDefaults } from '../models/verb-options.ts';
import type { WriteFence } from '../stores/store.ts';
import type { TenantRegistry } from './tenant-registry.ts';

/** The parts of a registry. */
export interface RegistryOptions<T extends Tenant> extends Omit<Lifecycle<T>, 'exclusively' | 'verbs'> {
  readonly cache: TenantCache<T>;
  readonly verbs?: VerbOptions | undefined;
}

/** A registry whose exports say how they have ended, which their readers need not be told. */
export interface OpenRegistry<T extends Tenant> extends TenantRegistry<T> {
  /** As `export`. */
  openExport(id: string, options?: ExportOptions<T>): Promise<TenantExport>;
}

/** The registry of one tenancy. It checks each id before a store or a resource sees it. */
export function createRegistry<T extends Tenant>({
  cache,
  verbs: given,
  ...parts
}: RegistryOptions<T>): OpenRegistry<T> {
  const { store } = parts;
  const verbs = { ...verbDefaults, ...given };
  const lifecycle: Lifecycle<T> = { ...parts, verbs, exclusively: createExclusively(store.leases, verbs) };

  async function get(id: string): Promise<T> {
    const tenant = await cache.find(id);
    if (tenant === undefined) throw unknownTenant(id);
    return tenant;
  }

  const openExport = async (id: string, options?: ExportOptions<T>) => exportTenant(lifecycle, checked(id), options);

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

    create(input, { migrate } = {}) {
      return createTenant(lifecycle, input, { kind: 'create', migrate });
    },

    adopt(input, options) {
      return adoptTenant(lifecycle, input, options);
    },

    repair,

    async reset(id) {
      return resetTenant(lifecycle, checked(id));
    },

    async migrate(id) {
      return migrateTenant(lifecycle, checked(id));
    },

    remove: (async (id: string, options?: RemoveOptions) =>
      removeTenant(lifecycle, checked(id), options)) as TenantRegistry<T>['remove'],

    move: async (id, target, options) => moveTenant(lifecycle, checked(id), target, options),
    undoMove: async (id, options) => undoMove(lifecycle, checked(id), options),

    async purge(options) {
      return purgeTenants(lifecycle, options);
    },

    update: async (id, change, { unchangedSince } = {}) =>
      updateTenant(lifecycle, checked(id), change, unchangedSince && fenceOf(unchangedSince)),
    suspend: async (id) => changeStatus(lifecycle, checked(id), 'suspend'),
    startMaintenance: async (id) => changeStatus(lifecycle, checked(id), 'startMaintenance'),
    archive: async (id, { retainUntil = null as Date | null } = {}) =>
      changeStatus(lifecycle, checked(id), 'archive', retention<T>(id, retainUntil)),
    resume: async (id) => changeStatus(lifecycle, checked(id), 'resume', retention<T>(id, null)),

    openExport,
    export: async (id, options) => (await openExport(id, options)).bytes,
    import: async (archive, options) => importTenant(lifecycle, archive, options),
    erase: async (id, keep) => eraseTenant(lifecycle, checked(id), keep),
    restore: async (id, archive, keep) => restoreTenant(lifecycle, checked(id), archive, keep),

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

function fenceOf({ createdAt, updatedAt }: Pick<Tenant, 'createdAt' | 'updatedAt'>): WriteFence {
  return { createdAt, updatedAt };
}

/** @throws TENANT_UNKNOWN if no tenant can have the id. */
function checked(id: string): string {
  if (isTenantId(id)) return id;
  throw unknownTenant(id);
}
