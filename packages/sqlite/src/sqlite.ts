import { join } from 'node:path';
import type { EntityManager, EntityManagerType, IDatabaseDriver, Options } from '@mikro-orm/core';
import type { AbstractSqlDriver, SqlEntityManager } from '@mikro-orm/sql';
import type { Tenant } from '@omnitenant/core';
import {
  currentScope,
  handleOf,
  type ResourceVerbs,
  requireNode,
  resource,
  type StoringResource,
  type TenantStore,
} from '@omnitenant/core/extend';
import type { Migrations } from '@omnitenant/orm';
import { createDatabaseDrivers, type DeclaredEntities, type TenantEntityManager } from '@omnitenant/orm/extend';
import { centralFile } from './central/central-file.ts';
import { fileStore } from './central/tenant-store.ts';
import { identityOf, pathOf, requireOwnFile } from './files/tenant-path.ts';
import type { NativeDatabaseClass } from './handles/native.ts';
import { openFiles } from './handles/open-files.ts';
import { type HandleOptions, openHandle, type Synchronous } from './handles/open-handle.ts';
import { unknownNames } from './handles/unknown-names.ts';
import { openMigrations } from './migrations/open-migrations.ts';
import { initSqliteOrm, nativeClassOf, sqliteKind, sqliteRefused } from './mikro-orm/sqlite-orm.ts';
import { checkedOptions, type SqliteOptions } from './sqlite-options.ts';
import { tenantResource } from './tenant-resource.ts';

/** MikroORM with a SQLite file for each tenant: the resource to give to `createTenancy`, which brings the store of its tenants along. */
export interface Sqlite<EM = SqliteEntityManager> extends StoringResource<EM, Tenant> {
  /**
   * The EntityManager to inject, once: inside a tenant's scope it is that tenant's, elsewhere it refuses.
   *
   * @throws OUTSIDE_SCOPE, NOT_IN_TENANT, CROSS_TENANT, STATEMENT_REFUSED
   */
  readonly em: EM;
  /** Tenants, domains and what is recorded of them: in `central.sqlite`, or the store that was given. */
  readonly store: TenantStore;
  /** The application's migrations, over all tenants. */
  readonly migrations: Migrations;
  /** What this process has open. */
  stats(): SqliteStats;
}

/** What a process has open. */
export interface SqliteStats {
  readonly openFiles: number;
}

/** The EntityManager of MikroORM's drivers for SQLite. */
export type SqliteEntityManager = SqlEntityManager<AbstractSqlDriver>;

/**
 * Makes one MikroORM serve many tenants, each in a file of SQLite.
 *
 * @param config What `defineConfig` of @mikro-orm/sqlite or @mikro-orm/libsql returns.
 * @throws CONFIG_INVALID with one sentence on what is wrong.
 *
 * @example
 * const orm = await createSqlite(defineConfig({ entities: [Project], migrations: { path: './migrations' } }), { folder: './tenants' });
 * const tenancy = createTenancy({ resources: [orm], resolver: fromSubdomain('app.com') });
 * await tenancy.run('acme', () => orm.em.find(Project, {}));
 */
export async function createSqlite<
  D extends IDatabaseDriver = IDatabaseDriver,
  EM extends D[typeof EntityManagerType] & EntityManager<D> = D[typeof EntityManagerType] & EntityManager<D>,
  Entities extends DeclaredEntities = DeclaredEntities,
>(
  config: Partial<Options<D, EM, Entities>>,
  options: SqliteOptions<SqliteOrmEntityManager<EM, Entities>>,
): Promise<Sqlite<SqliteOrmEntityManager<EM, Entities>>> {
  requireNode();
  const { folder, synchronous, busyTimeoutMs, ...limits } = checkedOptions(options as SqliteOptions);
  const current = () => (currentScope() ? (handleOf<unknown>(sqlite) as TenantEntityManager) : undefined);
  const base = await initSqliteOrm(config as unknown as Partial<Options>, folder, current);
  const handles = handlesOf(await nativeClassOf(base), synchronous);

  function open(tenant: Tenant) {
    const path = pathOf(folder, tenant);
    requireOwnFile(path, tenant);
    return openHandle(handles, path);
  }

  const files = openFiles({
    limit: limits.openFiles,
    busyTimeoutMs,
    unknown: handles.unknown,
    open,
    identityOf: (tenant) => identityOf(pathOf(folder, tenant)),
  });
  const drivers = createDatabaseDrivers(base, { kind: sqliteKind, refused: sqliteRefused, databaseOf: files.of });
  const central = options.store
    ? undefined
    : centralFile({ ...handles, path: join(folder, 'central.sqlite'), busyTimeoutMs });
  const store = central ? fileStore(central) : (options.store as TenantStore);

  const migrations = openMigrations({
    base: base.em,
    store,
    handles,
    busyTimeoutMs,
    openAt: (path) => openHandle(handles, path),
    fileOf: files.of,
    forkOn: (file, label) => base.em.forkFor(drivers.on(file, { scopeKey: label, scopeLabel: label })),
  });
  const verbs = tenantResource({
    folder,
    handles,
    files,
    open,
    fork: (tenant) => base.em.forkFor(drivers.of({ kind: 'tenant', tenant })),
    migrations,
    seed: options.seed as never,
    places: central !== undefined,
    end: () => {
      files.end();
      central?.end();
    },
  });
  // A tenancy that is given the store must have the files as well.
  if (central) Object.assign(store, { [resource]: Object.assign(verbs, { store }) });
  const sqlite = {
    em: base.em,
    store,
    migrations: migrations.migrations,
    stats: () => ({ openFiles: files.size }),
    [resource]: verbs as ResourceVerbs,
  };
  return sqlite as never;
}

/** Asks the library which functions it has. */
function handlesOf(Native: NativeDatabaseClass, synchronous: Synchronous): HandleOptions {
  const database = openHandle({ Native, synchronous }, ':memory:');
  try {
    return { Native, synchronous, unknown: unknownNames(database) };
  } finally {
    database.close();
  }
}

/** The EntityManager that a configuration names, which types `getKysely()` by its entities as MikroORM's own `orm.em` does. */
export type SqliteOrmEntityManager<EM, Entities> = (EM extends SqliteEntityManager ? EM : SqliteEntityManager) & {
  readonly '~entities'?: Entities;
};
