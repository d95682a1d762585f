import type { AbstractSqlDriver, SqlEntityManager } from '@mikro-orm/sql';
import { TenancyError, type Tenant } from '@omnitenant/core';
import type { PlacementDraft, ResourceScope, ResourceVerbs, TenantStore } from '@omnitenant/core/extend';
import { formerKeys, withUnusedNames } from './central/former-tenants.ts';
import type { Pools } from './connections/pools.ts';
import type { TenantEntityManager } from './entities/entity-manager.ts';
import { nextKey } from './isolation/row/former-tenants.ts';
import type { TenantStorage } from './isolation/storage.ts';
import type { OpenMigrations } from './migrations/open-migrations.ts';
import { type BaseOrm, serverOf } from './mikro-orm/base-orm.ts';
import type { Drivers } from './mikro-orm/drivers.ts';
import type { OrmOptions } from './orm-options.ts';
import { type PlacementContext, placeTenant } from './placement/place-tenant.ts';
import { type Isolation, sharesTables } from './placement/placement.ts';
import { endWorkOf } from './session/scope-work.ts';

/** What the tenants' databases are made, migrated and destroyed with. */
export interface TenantDatabaseOptions<T extends Tenant> {
  readonly base: BaseOrm;
  readonly pools: Pools;
  readonly drivers: Drivers;
  readonly fork: (scope: ResourceScope) => TenantEntityManager;
  readonly store: TenantStore<T>;
  readonly storages: Readonly<Record<Isolation, TenantStorage>>;
  readonly migrations: OpenMigrations;
  readonly placing: PlacementContext;
  readonly seed: OrmOptions['seed'];
}

type Verbs<T extends Tenant> = ResourceVerbs<SqlEntityManager<AbstractSqlDriver>> & { readonly store: TenantStore<T> };

/** The orm as a resource: each tenant has a database of its own, or a part of one. */
export function tenantDatabase<T extends Tenant>(options: TenantDatabaseOptions<T>): Verbs<T> {
  const { base, pools, drivers, fork, store, storages, migrations, placing } = options;
  const seed = options.seed as ((em: unknown, tenant: Tenant) => Promise<unknown>) | undefined;

  function storageOf({ id, isolation }: Tenant): TenantStorage {
    if (Object.hasOwn(storages, isolation)) return storages[isolation as Isolation];
    const message = `Tenant "${id}" has the isolation "${isolation}", which this application does not know.`;
    throw new TenancyError('ISOLATION_UNKNOWN', message, { tenant: id });
  }

  async function place(draft: PlacementDraft) {
    await migrations.check();
    const placed = placeTenant(draft, placing);
    if (placed.isolation === 'database' && !serverOf(base).hasDatabases) throw noDatabases(draft.id);
    const central = fork({ kind: 'central' });
    if (!sharesTables(placed)) {
      if (draft.adopts) return placed;
      return { ...placed, placement: await withUnusedNames(central, placed.isolation, placed.placement) };
    }
    const former = await formerKeys(central, placed.placement, draft.id);
    const key = await nextKey(pools, placed.placement, draft.id, former);
    return { ...placed, placement: { ...placed.placement, key } };
  }

  return {
    name: 'orm',
    store,
    open: (scope) => fork(scope) as unknown as SqlEntityManager<AbstractSqlDriver>,
    scopeEnded: endWorkOf,
    place,

    async create(tenant) {
      return storageOf(tenant).create(tenant, await migrations.contents(tenant));
    },

    async adopt(tenant, { at }) {
      await storageOf(tenant).adopt(tenant);
      try {
        if (at !== undefined) await migrations.assume(tenant, at);
      } catch (error) {
        await storageOf(tenant).destroy(tenant);
        throw error;
      }
    },

    async migrate(tenant, provisioned) {
      if (provisioned === 'migrated') await migrations.recordNew(tenant);
      else if (provisioned !== 'migrated-and-recorded') await migrations.migrate(tenant);
      if (provisioned === undefined || seed === undefined) return;
      await base.em.forkFor(drivers.forNew(tenant)).transactional((em) => seed(em, tenant));
    },

    release: (tenant) => storageOf(tenant).release(tenant),
    joined: (tenancy) => migrations.joined(tenancy),
    destroy: (tenant) => storageOf(tenant).destroy(tenant),

    async migrateCentral() {
      await migrations.migrations.central.up();
    },

    end: () => pools.end(),
  };
}

function noDatabases(tenant: string): TenancyError {
  const message = `Tenant "${tenant}" asks for a database of its own, but PGlite has only one. Use PostgreSQL, or isolation "schema".`;
  return new TenancyError('ISOLATION_UNKNOWN', message, { tenant });
}
