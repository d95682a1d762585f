import type { EntityManager, EntityManagerType, EntityMetadata, IDatabaseDriver, Options } from '@mikro-orm/core';
import { type Anonymisation, type Nudge, outside, TenancyError, type Tenant } from '@omnitenant/core';
import {
  createAuditing,
  currentScope,
  handleOf,
  type ResourceScope,
  requireNode,
  resource,
  type StoringResource,
  type TenantStore,
  warn,
} from '@omnitenant/core/extend';
import { type AnonymisationOptions, createAnonymisation } from './archive/anonymise/anonymisation.ts';
import { type Credentials, createCredentials } from './central/credentials.ts';
import { createInternalTables } from './central/internal-tables.ts';
import { moveLedger } from './central/move-ledger.ts';
import { centralAudit } from './central/tenant-audit.ts';
import { DefaultDomain, DefaultTenant, type TenantEntity, type TenantOf } from './central/tenant-entity.ts';
import { centralStore } from './central/tenant-store.ts';
import { createNudge, type NudgeOptions } from './connections/listening.ts';
import { openPools } from './connections/open-pools.ts';
import type { OrmStats } from './connections/pool-stats.ts';
import type { Pools } from './connections/pools.ts';
import { addressesOf } from './connections/server-address.ts';
import { serverProbes } from './connections/server-probes.ts';
import { maintenanceFor, maintenanceOn, serverOptions } from './connections/servers.ts';
import { type ExamineServersOptions, examineServers, type ServersReport } from './doctor/examine-servers.ts';
import type { TenantEntityManager } from './entities/entity-manager.ts';
import type { DeclaredEntities, DriverEntityManager, OrmEntityManager } from './entities/entity-manager-class.ts';
import { centralSchema, type EntityScopes, entityScopes } from './entities/entity-scope.ts';
import { databaseStorage } from './isolation/database.ts';
import { type Extensions, extensionsIn } from './isolation/extension-schema.ts';
import { lendLogin } from './isolation/lend-login.ts';
import { marksOf } from './isolation/marks.ts';
import { rowMigrationPool } from './isolation/row/migration-pool.ts';
import { type SharedTables, sharedTables } from './isolation/row/shared-tables.ts';
import { rowStorage } from './isolation/row/storage.ts';
import { rowGate } from './isolation/row/verify.ts';
import { schemaStorage } from './isolation/schema.ts';
import type { TenantStorage } from './isolation/storage.ts';
import { storedBytes } from './isolation/stored-bytes.ts';
import { templatePrefix, templates } from './isolation/template.ts';
import { loadOnce } from './migrations/load-once.ts';
import { loadMigrations, type MigrationSet } from './migrations/migration-set.ts';
import type { Migrations } from './migrations/migrations.ts';
import { openMigrations } from './migrations/open-migrations.ts';
import { servingOf } from './migrations/serving.ts';
import { type BaseOrm, initBaseOrm, serverOf } from './mikro-orm/base-orm.ts';
import { createDrivers, type Drivers } from './mikro-orm/drivers.ts';
import { refuseUnguarded } from './mikro-orm/for-tenants.ts';
import { checkConfig, type Declared, type OrmOptions, withCentralEntities } from './orm-options.ts';
import type { PlacementContext } from './placement/place-tenant.ts';
import { defaultServer, type Isolation, type OrmPlacement, ownServer } from './placement/placement.ts';
import { type RowWall, rowWall } from './placement/row-login.ts';
import { limitsOfTenant } from './placement/tenant-limits.ts';
import { openReady } from './ready/ready.ts';
import type { ReadyTenants } from './ready/ready-options.ts';
import type { FindTenant } from './session/removed-tenant.ts';
import { withTenantComments } from './sql/tenant-comment.ts';
import { tenantDatabase } from './tenant-database.ts';
import { refuseUnknownOptions } from './unknown-options.ts';
import { parseKeys } from './vault/keys.ts';
import { urlOf } from './vault/server-url.ts';
import { createVault, type Vault } from './vault/vault.ts';

/** MikroORM for many tenants: the resource to give to `createTenancy`, which brings the store of its tenants along. */
export interface Orm<T extends Tenant = Tenant, EM = DriverEntityManager> extends StoringResource<EM, T> {
  /**
   * The EntityManager to inject, once: inside a scope it is that scope's, outside it refuses.
   *
   * @throws OUTSIDE_SCOPE, ENTITY_OUT_OF_SCOPE, SCHEMA_REFUSED
   */
  readonly em: EM;
  /** Tenants and domains, kept in the schema `central`. */
  readonly store: TenantStore<T>;
  /** The application's migrations, over all tenants. */
  readonly migrations: Migrations<T>;
  /** What this process counts of its connections, statements and runs of migrations. Counting is always on. */
  stats(): OrmStats;
  /** What tenants on servers of their own are reached with. */
  readonly credentials: Credentials;
  /** The tables that tenants of isolation `row` share. */
  readonly sharedTables: SharedTables;
  /** Storage that is made before its tenants. */
  readonly ready: ReadyTenants;
  /**
   * The rules by which `tenants.export(id, { anonymise })` replaces what identifies people. Each column of each tenant has to have one.
   *
   * @throws CONFIG_INVALID where a property of an entity has none.
   */
  anonymisation(options: AnonymisationOptions<T>): Anonymisation<T>;
  /**
   * Examines every server that the application uses, as `doctor` does one: those of the configuration, and those of tenants' own. A server
   * that cannot be examined is reported, and hides no other. It changes nothing.
   *
   * @throws SERVER_UNAVAILABLE when central's server cannot be reached; CONFIG_INVALID for PGlite, which is no server.
   */
  examineServers(options?: ExamineServersOptions): Promise<ServersReport>;
  /**
   * What makes changes of tenants reach other processes in milliseconds, for the option `nudge` of `createTenancy`: PostgreSQL's
   * notifications, heard over one further connection to central's database.
   *
   * @throws CONFIG_INVALID
   */
  nudge(options?: NudgeOptions): Nudge;
}

/**
 * Makes one MikroORM serve many tenants.
 *
 * @param config Your MikroORM configuration: the result of `defineConfig({ … })`.
 * @throws CONFIG_INVALID with one sentence on what is wrong.
 *
 * @example
 * const orm = await createOrm(defineConfig({ clientUrl, entities: [Project], migrations: { path: './migrations' } }));
 * const tenancy = createTenancy({ resources: [orm], resolver: fromSubdomain('app.com') });
 * await tenancy.run('acme', () => orm.em.find(Project, {}));
 */
export async function createOrm<
  D extends IDatabaseDriver = IDatabaseDriver,
  EM extends D[typeof EntityManagerType] & EntityManager<D> = D[typeof EntityManagerType] & EntityManager<D>,
  Entities extends DeclaredEntities = DeclaredEntities,
  E extends TenantEntity = TenantEntity,
>(
  config: Partial<Options<D, EM, Entities>>,
  options: OrmOptions<E, OrmEntityManager<EM, Entities>> = {},
): Promise<Orm<TenantOf<E>, OrmEntityManager<EM, Entities>>> {
  requireNode();
  const settings = config as unknown as Options;
  refuseUnknownOptions(options as unknown as OrmOptions);
  checkConfig(settings, options as unknown as OrmOptions);
  refuseUnguarded(settings);
  const { tenant = DefaultTenant, domain = DefaultDomain } = options;
  const current = () => (currentScope() ? (handleOf<unknown>(orm) as TenantEntityManager) : undefined);
  const configured = withCentralEntities(settings, [tenant, domain]);
  const commented = options.sqlComments ? withTenantComments(configured) : configured;
  const base = await outside(() => initBaseOrm(commented, current));
  const find: FindTenant = (id) => store.find(id);
  const opened = await openDatabase(base, settings, options as unknown as OrmOptions, find);
  const { pools, drivers, vault, servers, central, set, wall } = opened;
  const fork = (scope: ResourceScope) => base.em.forkFor(drivers.of(scope));

  const storages = storagesOf(opened, find);
  const forkCentral = () => fork({ kind: 'central' });
  const hasTables = loadOnce(() => createInternalTables(forkCentral()));
  const auditing = createAuditing(centralAudit(forkCentral, hasTables), warn);
  const kept = { fork: forkCentral, ready: hasTables, auditing, tenant: metaOf<TenantEntity>(base, tenant) };
  const migrations = openMigrations({
    ...opened,
    ...kept,
    base,
    storages,
    servers: [...servers.keys(), ownServer],
    centralSource: options.centralMigrations,
  });
  const store = centralStore<TenantOf<E>>({ ...kept, domain: metaOf(base, domain), bind: vault.bind });

  const placing: PlacementContext = {
    isolation: options.isolation ?? 'schema',
    names: options.names ?? {},
    hasRole: () => options.roles ?? false,
    servers: new Set(servers.keys()),
    centralDatabase: central.database,
    extensions: opened.extensions.schema,
  };

  const prepare = preparing(base, drivers, options.prepare as OrmOptions['prepare']);
  const maintenance = maintenanceOn(servers, central);
  const ready = openReady({ pools, storages, migrations, placing, central, maintenance, prepare, ...serverOf(base) });

  const verbs = tenantDatabase<TenantOf<E>>({
    ...opened,
    base,
    fork,
    store,
    storages,
    migrations,
    placing,
    storageBytes: storedBytes(pools, maintenance),
    probes: [...serverProbes(pools, [...servers.keys()].map(maintenance)), migrations.probe],
    seed: options.seed as OrmOptions['seed'],
    prepare,
    ready,
    moves: moveLedger(kept),
    bind: vault.bind,
  });
  // A tenancy that is given the store must have the orm as well.
  Object.assign(store, { [resource]: verbs });
  const orm: Orm<TenantOf<E>, OrmEntityManager<EM, Entities>> = {
    em: base.em as never,
    store,
    stats: () => ({ ...pools.stats(), fleet: migrations.progress() }),
    credentials: createCredentials({
      ...kept,
      vault,
      store,
      lend: (tenant, wish) => lendLogin({ ...opened, extensions: opened.extensions.schema }, tenant, wish),
    }),
    migrations: migrations.migrations,
    sharedTables: sharedTables({ pools, store, placing, central, wall, logTable: async () => (await set()).logTable }),
    ready: { fill: ready.fill, stock: ready.stock, clear: ready.clear },
    anonymisation: (rules) => createAnonymisation(base.getMetadata(), opened.scopes, rules),
    examineServers: (examining) => examineServers({ ...opened, base, maintenance, store }, examining),
    nudge: createNudge({
      orm: base,
      database: central.database,
      driverOptions: settings.driverOptions,
      inCentral: (sql) => pools.query(central, sql),
    }),
    [resource]: verbs as unknown as Orm<TenantOf<E>, OrmEntityManager<EM, Entities>>[typeof resource],
  };
  return orm;
}

/** Fills the storage of a new tenant with what each begins with. */
function preparing(base: BaseOrm, drivers: Drivers, prepare: OrmOptions['prepare']) {
  return async (tenant: Tenant) =>
    prepare && base.em.forkFor(drivers.forNew(tenant)).transactional((em) => prepare(em as never));
}

function metaOf<Entity>(base: BaseOrm, entity: Declared): EntityMetadata<Entity> {
  return base.getMetadata().get(entity as never) as never;
}

/** What all tenants' databases are reached with. */
interface OpenDatabase {
  readonly scopes: EntityScopes;
  readonly servers: ReturnType<typeof serverOptions>;
  readonly central: OrmPlacement;
  readonly vault: Vault;
  readonly pools: Pools;
  readonly set: () => Promise<MigrationSet>;
  readonly extensions: Extensions;
  readonly drivers: Drivers;
  /** What signs the tenants that share tables, where they have a login of their own. */
  readonly wall: RowWall | undefined;
  readonly addressOf: ReturnType<typeof addressesOf>;
  readonly driverOptions: unknown;
}

async function openDatabase(
  base: BaseOrm,
  settings: Options,
  options: OrmOptions,
  find: FindTenant,
): Promise<OpenDatabase> {
  const { shared = [], roles = false, pendingMigrations = 'serve' } = options;
  const servers = serverOptions(options.servers);
  const vault = createVault(parseKeys(options.credentials?.keys ?? process.env.OMNITENANT_KEYS));
  const scopes = entityScopes(base.getMetadata(), new Set(shared.map((entity) => metaOf(base, entity))));
  const central: OrmPlacement = {
    server: defaultServer,
    database: base.config.get('dbName') as string,
    schema: centralSchema,
  };
  const wall = rowWall(options.rows);
  if (wall && serverOf(base).isEmbedded) throw hasNoLogins();
  const pools = openPools(
    base,
    settings,
    servers,
    options.connections,
    async ({ tenant = '', url = '', database }) => urlOf(await vault.open({ tenant, url }), database),
    wall?.password,
  );
  const extensions = extensionsIn(pools, options.extensions);
  const set = loadOnce(() => loadMigrations(base.em));
  // Loaded now only where it decides at once who is served.
  const serving = pendingMigrations === 'serve' ? () => pendingMigrations : servingOf(pendingMigrations, await set());
  const sharedTables = {
    ...rowGate(pools, async () => (await set()).logTable, wall),
    wall,
    migrationPool: (placement: OrmPlacement) =>
      rowMigrationPool(placement, set, (on) => pools.connect(on), extensions.schema),
  };
  const limitsOf = (tenant: Tenant) => limitsOfTenant(options.limits, tenant);
  const drivers = createDrivers({
    base,
    scopes,
    pools,
    central,
    sharedTables,
    extensions,
    roles,
    find,
    serving,
    limitsOf,
  });
  const addressOf = addressesOf(base, servers, vault);
  const { driverOptions } = settings;
  return { scopes, servers, central, vault, pools, set, extensions, drivers, wall, addressOf, driverOptions };
}

function storagesOf(
  { pools, central, servers, vault, extensions, wall }: OpenDatabase,
  find: FindTenant,
): Readonly<Record<Isolation, TenantStorage>> {
  const maintenance = maintenanceOn(servers, central);
  return {
    schema: schemaStorage(pools, central, extensions.schema, find),
    database: databaseStorage({
      pools,
      central,
      maintenance: maintenanceFor(maintenance, vault),
      templates: templates({ pools, maintenance, prefix: templatePrefix(central), mark: marksOf(central).template }),
      find,
    }),
    row: rowStorage(pools, central, wall),
  };
}

function hasNoLogins(): TenancyError {
  return new TenancyError(
    'CONFIG_INVALID',
    'The option rows needs a separate login, and PGlite has no logins. Remove the option, or use PostgreSQL.',
  );
}
