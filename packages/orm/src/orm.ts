import type { EntityClass, EntityDTO, EntityMetadata, EntitySchema, Opt, Options } from '@mikro-orm/core';
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
import { DefaultDomain, DefaultTenant, type DomainEntity, type TenantEntity } from './entities.ts';
import type { TenantEntityManager } from './entity-manager.ts';
import { centralSchema, entityScopes } from './entity-scope.ts';
import { databaseStorage } from './isolation/database.ts';
import { migrateRows, rowStorage } from './isolation/row.ts';
import { schemaStorage } from './isolation/schema.ts';
import type { TenantStorage } from './isolation/storage.ts';
import { migrateTenant } from './migrate.ts';
import { initBaseOrm, isPglite, openPool, type ScopedDriver, scopedDrivers } from './mikro-orm.ts';
import { oneStatement } from './one-statement.ts';
import { pinnedPool, pinOf } from './pin.ts';
import {
  defaultServer,
  type Isolation,
  isolations,
  type OrmPlacement,
  type PlacementNames,
  placementOf,
  placeTenant,
} from './placement.ts';
import { createPools, type Database } from './pools.ts';
import { type ServerOptions, serverOptions } from './servers.ts';
import { centralStore } from './store.ts';

/** What omnitenant is told beside the MikroORM configuration. */
export interface OrmOptions<E extends TenantEntity = TenantEntity> {
  /** How a tenant's rows are kept apart when it says nothing else. Default: `schema`. */
  readonly isolation?: Isolation;
  /** The application's tenant entity, which extends `TenantEntity`. Default: one with no further columns. */
  readonly tenant?: EntityClass<E> | EntitySchema<E>;
  /** The application's domain entity, which extends `DomainEntity`. */
  readonly domain?: EntityClass<DomainEntity> | EntitySchema<DomainEntity>;
  /** Entities that have a table in central and one in each tenant. */
  readonly shared?: readonly (EntityClass<unknown> | EntitySchema)[];
  /** Further database servers that tenants may be placed on, by name. */
  readonly servers?: Readonly<Record<string, ServerOptions>>;
  /**
   * Gives each new tenant a database role of its own, which owns what is its and which its statements run as, so that raw
   * SQL that names another tenant's schema is refused by PostgreSQL. The connection's user must be allowed to create
   * roles. Default: false.
   */
  readonly roles?: boolean;
  /** Names what a tenant gets where its placement says nothing. */
  readonly names?: PlacementNames;
}

/** A tenant as `tenancy.current()` gives it: the entity's columns, as a frozen snapshot. */
export type TenantOf<E extends TenantEntity> = Tenant & {
  readonly [Column in Exclude<keyof EntityDTO<E>, keyof Tenant>]: Plain<EntityDTO<E>[Column]>;
};

/** A column's value without MikroORM's mark of having a default. */
type Plain<Value> = Value extends Opt.Brand
  ? Value extends number
    ? number
    : Value extends boolean
      ? boolean
      : Value extends string
        ? string
        : Value extends Date
          ? Date
          : Value
  : Value;

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
  const poolOf = (
    placement: OrmPlacement,
    { rowsOf, check }: { rowsOf?: string; check?: (sql: string) => void } = {},
  ) =>
    pinnedPool(
      { options: {}, connect: () => pools.connect(placement), end: async () => {} },
      pinOf(placement, rowsOf),
      check,
    );

  const scopedDriver = scopedDrivers(base, scopes);
  const centralDriver = scopedDriver('central', 'central', 'central', poolOf(central));
  // A driver lives as long as the record that it was made from: a changed tenant has another record, and so another driver.
  const drivers = new WeakMap<Tenant, ScopedDriver>();
  const driverOf = (record: Tenant): ScopedDriver => {
    const known = drivers.get(record);
    if (known) return known;
    const key = `${record.id}@${record.createdAt.getTime()}`;
    const placement = placementOf(record);
    const driver = scopedDriver(
      record.isolation === 'row' ? 'row' : 'tenant',
      key,
      record.id,
      poolOf(placement, {
        ...(record.isolation === 'row' && { rowsOf: record.id }),
        ...(placement.role !== undefined && { check: oneStatement }),
      }),
    );
    drivers.set(record, driver);
    return driver;
  };
  /** Migrations are the application's own SQL: several statements to a message, and for all tenants that share tables. */
  const migrationEm = (record: Tenant, placement: OrmPlacement) =>
    base.em.forkFor(
      scopedDriver(
        'tenant',
        `migrate:${record.id}`,
        record.id,
        poolOf(placement, record.isolation === 'row' ? { rowsOf: '' } : {}),
      ),
    );
  const fork = (scope: ResourceScope) =>
    base.em.forkFor(scope.kind === 'tenant' ? driverOf(scope.tenant) : centralDriver);

  const maintenance = (server: string): Database => ({
    server,
    database: server === defaultServer ? central.database : (servers.get(server)?.maintenanceDatabase ?? 'postgres'),
  });
  const storages: Readonly<Record<Isolation, TenantStorage>> = {
    schema: schemaStorage(pools),
    database: databaseStorage(pools, maintenance),
    row: rowStorage(pools),
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
    create: (record) => storages[record.isolation as Isolation].create(record),
    migrate: async (record) => {
      const placement = placementOf(record);
      const migrate = record.isolation === 'row' ? migrateRows : migrateTenant;
      await migrate(migrationEm(record, placement), placement);
    },
    destroy: (record) => storages[record.isolation as Isolation].destroy(record),
    migrateCentral: () => migrateCentral(base, scopes, fork({ kind: 'central' })),
    end: () => pools.end(),
  };
  return orm;
};

const checkConfig = (
  config: Options | undefined,
  { isolation, servers }: Pick<OrmOptions, 'isolation' | 'servers'>,
): void => {
  const fault = !config?.driver
    ? 'createOrm needs a MikroORM configuration with a driver: give it what defineConfig of @mikro-orm/postgresql or @mikro-orm/pglite returns.'
    : config.replicas?.length
      ? 'The MikroORM configuration names read replicas, which do not know tenants yet. Leave replicas out.'
      : isolation && !isolations.includes(isolation)
        ? `There is no isolation '${isolation}'. There are: ${isolations.join(', ')}.`
        : servers && defaultServer in servers
          ? `The server '${defaultServer}' is the one that the MikroORM configuration names. Call yours something else.`
          : undefined;
  if (fault) throw new TenancyError('CONFIG_INVALID', fault);
};

/** Adds the tenant and domain entities, and fixes them to central whatever they declare. */
const withCentralEntities = (config: Options, declared: readonly Declared[]): Options => ({
  ...config,
  entities: [...new Set([...(config.entities ?? []), ...declared])] as NonNullable<Options['entities']>,
  discovery: {
    ...config.discovery,
    onMetadata: async (meta, platform) => {
      if (declared.some((entity) => classOf(entity) === meta.class)) meta.schema = centralSchema;
      await config.discovery?.onMetadata?.(meta, platform);
    },
  },
});

/** An entity as MikroORM takes it: a class, or what defineEntity returns. */
type Declared = object;

const classOf = (entity: Declared): unknown => ('meta' in entity ? (entity.meta as EntityMetadata).class : entity);

const noDatabases = (tenant: string): TenancyError =>
  new TenancyError(
    'ISOLATION_UNKNOWN',
    `The tenant '${tenant}' asks for a database of its own, and PGlite has one database only. Use PostgreSQL, or isolation 'schema'.`,
    { tenant },
  );
