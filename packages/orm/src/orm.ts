import type { EntityMetadata, Options } from '@mikro-orm/core';
import type { AbstractSqlDriver, SqlEntityManager } from '@mikro-orm/sql';
import {
  currentScope,
  handleOf,
  type ResourceScope,
  TenancyError,
  type Tenant,
  type TenantResource,
  type TenantStore,
} from '@omnitenant/core';
import { migrateCentral } from './central.ts';
import { createDrivers } from './drivers.ts';
import { DefaultDomain, DefaultTenant, type TenantEntity, type TenantOf } from './entities.ts';
import type { TenantEntityManager } from './entity-manager.ts';
import { centralSchema, entityScopes } from './entity-scope.ts';
import { databaseStorage } from './isolation/database.ts';
import { migrateRows, rowStorage } from './isolation/row.ts';
import { schemaStorage } from './isolation/schema.ts';
import type { TenantStorage } from './isolation/storage.ts';
import { migrateTenant } from './migrate.ts';
import { initBaseOrm, isPglite, openPool } from './mikro-orm.ts';
import { checkConfig, type Declared, type OrmOptions, withCentralEntities } from './orm-options.ts';
import { defaultServer, type Isolation, type OrmPlacement, placementOf, placeTenant } from './placement.ts';
import { createPools } from './pools.ts';
import { serverOptions } from './servers.ts';
import type { Database } from './sql-pool.ts';
import { centralStore } from './store.ts';

/** MikroORM for many tenants: the resource to give to `createTenancy`, its EntityManager and its store of tenants. */
export interface Orm<T extends Tenant = Tenant> extends TenantResource<SqlEntityManager<AbstractSqlDriver>> {
  /**
   * The EntityManager to inject, once: inside a scope it is that scope's, outside it refuses.
   *
   * @throws OUTSIDE_SCOPE, ENTITY_OUT_OF_SCOPE, SCHEMA_REFUSED
   */
  readonly em: SqlEntityManager<AbstractSqlDriver>;
  /** Tenants and domains, kept in the schema `central`. */
  readonly store: TenantStore<T>;
  /** Closes every connection. `tenancy.close()` does it. */
  end(): Promise<void>;
}

/**
 * Makes one MikroORM serve many tenants.
 *
 * @param config The MikroORM configuration as you have it, such as `defineConfig({ … })` gives.
 * @throws CONFIG_INVALID with one sentence on what is wrong.
 *
 * @example
 * const orm = await createOrm(defineConfig({ clientUrl, entities: [Project], migrations: { path: './migrations' } }));
 * const tenancy = createTenancy({ store: orm.store, resources: [orm], resolver: fromSubdomain('app.com') });
 * await tenancy.run('acme', () => orm.em.find(Project, {}));
 */
export const createOrm = async <E extends TenantEntity = TenantEntity>(
  config: Partial<Options>,
  options: OrmOptions<E> = {},
): Promise<Orm<TenantOf<E>>> => {
  const settings = config as Options;
  checkConfig(settings, options);
  const { isolation = 'schema', tenant = DefaultTenant, domain = DefaultDomain, names = {}, roles = false } = options;
  const servers = serverOptions(options.servers);

  const current = () => (currentScope() ? (handleOf(orm) as TenantEntityManager) : undefined);
  const base = await initBaseOrm(withCentralEntities(settings, [tenant, domain]), current);
  const metaOf = <Entity>(entity: Declared): EntityMetadata<Entity> => base.getMetadata().get(entity as never) as never;
  const scopes = entityScopes(base.getMetadata(), new Set((options.shared ?? []).map((entity) => metaOf(entity))));

  const central: OrmPlacement = {
    server: defaultServer,
    database: base.config.get('dbName') as string,
    schema: centralSchema,
  };
  const pools = createPools(({ server, database }, onEmpty) =>
    openPool(base, (settings.driverOptions ?? {}) as object, { ...servers.get(server), dbName: database }, onEmpty),
  );
  const drivers = createDrivers(base, scopes, pools, central);
  const fork = (scope: ResourceScope) => base.em.forkFor(drivers.of(scope));

  const maintenance = (server: string): Database => ({
    server,
    database: server === defaultServer ? central.database : (servers.get(server)?.maintenanceDatabase ?? 'postgres'),
  });
  const storages: Readonly<Record<Isolation, TenantStorage>> = {
    schema: schemaStorage(pools),
    database: databaseStorage(pools, maintenance),
    row: rowStorage(pools),
  };
  const storageOf = ({ id, isolation }: Tenant): TenantStorage => {
    if (Object.hasOwn(storages, isolation)) return storages[isolation as Isolation];
    throw new TenancyError(
      'ISOLATION_UNKNOWN',
      `The tenant '${id}' has the isolation '${isolation}', which is not known here.`,
      { tenant: id },
    );
  };

  const orm: Orm<TenantOf<E>> = {
    name: 'orm',
    em: base.em as unknown as SqlEntityManager<AbstractSqlDriver>,
    store: centralStore<TenantOf<E>>({
      fork: () => fork({ kind: 'central' }),
      tenant: metaOf(tenant),
      domain: metaOf(domain),
    }),
    open: (scope) => fork(scope) as unknown as SqlEntityManager<AbstractSqlDriver>,
    place: (draft) => {
      const placed = placeTenant(draft, {
        isolation,
        names,
        // PGlite's one user is a superuser, whom row-level security does not bind.
        hasRole: (kind) => roles || (kind === 'row' && isPglite(base)),
        servers: new Set(servers.keys()),
        centralDatabase: central.database,
      });
      if (placed.isolation === 'database' && isPglite(base)) throw noDatabases(draft.id);
      return placed;
    },
    create: (record) => storageOf(record).create(record),
    migrate: async (record) => {
      const migrate = record.isolation === 'row' ? migrateRows : migrateTenant;
      await migrate(base.em.forkFor(drivers.forMigrations(record)), placementOf(record));
    },
    destroy: (record) => storageOf(record).destroy(record),
    migrateCentral: () => migrateCentral(base, scopes, fork({ kind: 'central' })),
    end: () => pools.end(),
  };
  return orm;
};

const noDatabases = (tenant: string): TenancyError =>
  new TenancyError(
    'ISOLATION_UNKNOWN',
    `The tenant '${tenant}' asks for a database of its own, and PGlite has one database only. Use PostgreSQL, or isolation 'schema'.`,
    { tenant },
  );
