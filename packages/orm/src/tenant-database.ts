import type { AbstractSqlDriver, SqlEntityManager } from '@mikro-orm/sql';
import { TenancyError, type Tenant } from '@omnitenant/core';
import type { HealthProbe, PlacementDraft, ResourceScope, ResourceVerbs, TenantStore } from '@omnitenant/core/extend';
import { columnRules } from './archive/anonymise/anonymisation.ts';
import { exportTenant } from './archive/export-tenant.ts';
import { checkImport, importTenant } from './archive/import-tenant.ts';
import { formerKeys, formerKeysSql, withUnusedNames } from './central/former-tenants.ts';
import type { MoveLedger } from './central/move-ledger.ts';
import type { Pools } from './connections/pools.ts';
import type { TenantEntityManager } from './entities/entity-manager.ts';
import { type KeysInCentral, nextKey } from './isolation/row/former-tenants.ts';
import { isSame, type TenantStorage } from './isolation/storage.ts';
import type { OpenMigrations } from './migrations/open-migrations.ts';
import { type BaseOrm, serverOf } from './mikro-orm/base-orm.ts';
import type { Drivers } from './mikro-orm/drivers.ts';
import { abandon, keepWhereItIs } from './moves/end-move.ts';
import { moveTenant, undoMoveOf } from './moves/move-tenant.ts';
import type { OrmOptions } from './orm-options.ts';
import { type PlacementContext, placeTenant } from './placement/place-tenant.ts';
import { defaultServer, type Isolation, type OrmPlacement, sharesTables } from './placement/placement.ts';
import type { OpenReady } from './ready/ready.ts';
import { endWorkOf } from './session/scope-work.ts';
import type { Vault } from './vault/vault.ts';

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
  readonly probes: readonly HealthProbe[];
  readonly storageBytes: NonNullable<ResourceVerbs['storageBytes']>;
  readonly seed: OrmOptions['seed'];
  /** Fills new storage with what each tenant begins with. */
  readonly prepare: (tenant: Tenant) => Promise<unknown>;
  readonly ready: OpenReady;
  readonly moves: MoveLedger;
  readonly bind: Vault['bind'];
}

type Verbs<T extends Tenant> = ResourceVerbs<SqlEntityManager<AbstractSqlDriver>> & { readonly store: TenantStore<T> };

/** The orm as a resource: each tenant has a database of its own, or a part of one. */
export function tenantDatabase<T extends Tenant>(options: TenantDatabaseOptions<T>): Verbs<T> {
  const { base, pools, drivers, fork, store, storages, migrations, placing, ready } = options;
  /** Tenants whose storage was prepared ahead. */
  const prepared = new WeakSet<Tenant>();
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
    const inCentral = keysInCentral(central, placed.placement, draft.id, placing.centralDatabase);
    const key = await nextKey(pools, placed.placement, draft.id, inCentral);
    return { ...placed, placement: { ...placed.placement, key } };
  }

  function copyable(tenant: Tenant): Tenant {
    if (serverOf(base).isEmbedded) throw noCopies(tenant.id);
    return tenant;
  }

  const archiving = { pools, ...migrations };
  const moving = { ...archiving, storages, place, ledger: options.moves, bind: options.bind };

  return {
    name: 'orm',
    store,
    probes: options.probes,
    storageBytes: options.storageBytes,
    open: (scope) => fork(scope) as unknown as SqlEntityManager<AbstractSqlDriver>,
    scopeEnded: endWorkOf,
    place,

    async create(tenant, { empty } = { empty: false }) {
      const taken = empty ? undefined : await ready.take(tenant);
      if (taken !== undefined) prepared.add(tenant);
      return taken ?? storageOf(tenant).create(tenant, empty ? undefined : await migrations.contents(tenant));
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
      if (provisioned === undefined) return;
      if (!prepared.has(tenant)) await options.prepare(tenant);
      if (seed === undefined) return;
      await base.em.forkFor(drivers.forNew(tenant)).transactional((em) => seed(em, tenant));
    },

    export: (tenant) => exportTenant(archiving, copyable(tenant)),
    exportAnonymised: (tenant, rules) => exportTenant(archiving, copyable(tenant), { rules: columnRules(rules) }),
    import: async (tenant, parts) => importTenant(archiving, copyable(tenant), parts),
    checkImport: async (tenant, parts) => checkImport(archiving, copyable(tenant), parts),

    move: (tenant, target, context) => moveTenant(moving, copyable(tenant), target, context),
    undoMove: (tenant, context) => undoMoveOf(moving, tenant, context),

    isAdopted: (tenant) => storageOf(tenant).isAdopted(tenant),
    release: (tenant) => keepWhereItIs(moving, tenant).then(() => storageOf(tenant).release(tenant)),
    joined: (tenancy) => migrations.joined(tenancy),
    async destroy(tenant) {
      await abandon(moving, tenant);
      await storageOf(tenant).destroy(tenant);
    },

    async migrateCentral() {
      await migrations.migrations.central.up();
      // A deployment begins with it, so it is where missing migrations of tenants are noticed first.
      await migrations.check();
    },

    end: () => pools.end(),
  };
}

function keysInCentral(
  em: TenantEntityManager,
  placement: OrmPlacement,
  id: string,
  centralDatabase: string,
): KeysInCentral {
  const isThere = isSame(placement, { server: defaultServer, database: centralDatabase });
  return {
    sql: isThere ? formerKeysSql(placement, id) : undefined,
    ask: () => formerKeys(em, placement, id),
  };
}

function noCopies(tenant: string): TenancyError {
  const message = `Tenant "${tenant}" is in PGlite, which archives cannot be made of or imported into. Use PostgreSQL.`;
  return new TenancyError('ARCHIVE_REFUSED', message, { tenant });
}

function noDatabases(tenant: string): TenancyError {
  const message = `Tenant "${tenant}" requires its own database, but PGlite has only one. Use PostgreSQL, or isolation "schema".`;
  return new TenancyError('ISOLATION_UNKNOWN', message, { tenant });
}
