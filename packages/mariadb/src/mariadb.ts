import { randomBytes } from 'node:crypto';
import type { EntityManager, EntityManagerType, IDatabaseDriver, Options } from '@mikro-orm/core';
import type { AbstractSqlDriver, SqlEntityManager } from '@mikro-orm/sql';
import { TenancyError, type Tenant } from '@omnitenant/core';
import {
  currentScope,
  handleOf,
  incarnationOf,
  type ResourceVerbs,
  requireNode,
  resource,
  type StoringResource,
  type TenantStore,
} from '@omnitenant/core/extend';
import type { Migrations } from '@omnitenant/orm';
import {
  createDatabaseDrivers,
  type DeclaredEntities,
  type ScopedDatabase,
  type TenantEntityManager,
} from '@omnitenant/orm/extend';
import type { ArchiveSession } from './archive/export-database.ts';
import { openAdmin } from './central/admin.ts';
import { centralStore } from './central/central-store.ts';
import { openCentral } from './central/open-central.ts';
import { checkedOptions, type MariadbOptions } from './mariadb-options.ts';
import { openMigrations } from './migrations/open-migrations.ts';
import { initMariadbOrm, mariadbKind, mariadbRefused, serverOf } from './mikro-orm/mariadb-orm.ts';
import type { Session } from './sessions/connections.ts';
import { type PoolStats, sessionPool } from './sessions/session-pool.ts';
import { heldDatabase, lender, tenantDatabase } from './sessions/tenant-database.ts';
import { createLogins } from './storage/logins.ts';
import { tenantStorage } from './storage/tenant-storage.ts';
import { tenantResource } from './tenant-resource.ts';

/**
 * MikroORM with a database and a user of MariaDB for each tenant: the resource to give to `createTenancy`, which brings the store of its
 * tenants along.
 */
export interface Mariadb<EM = MariadbEntityManager> extends StoringResource<EM, Tenant> {
  /**
   * The EntityManager to inject, once: inside a tenant's scope it is that tenant's, elsewhere it refuses.
   *
   * @throws OUTSIDE_SCOPE, NOT_IN_TENANT, CROSS_TENANT, SCOPE_ENDED, STATEMENT_REFUSED
   */
  readonly em: EM;
  /** Tenants, domains and what is recorded of them: in the database of central, or the store that was given. */
  readonly store: TenantStore;
  /** The application's migrations, over all tenants. */
  readonly migrations: Migrations;
  /** The connections of this process to the server, without those of central. */
  stats(): MariadbStats;
}

/** The connections that a process has for its tenants. */
export type MariadbStats = PoolStats;

/** The EntityManager of MikroORM's driver for MariaDB. */
export type MariadbEntityManager = SqlEntityManager<AbstractSqlDriver>;

/**
 * Makes one MikroORM serve many tenants, each in a database of MariaDB that only its own user reaches.
 *
 * @param config What `defineConfig` of @mikro-orm/mariadb returns. Its user creates databases and users; `dbName` is the database of central.
 * @throws CONFIG_INVALID with one sentence on what is wrong.
 *
 * @example
 * const orm = await createMariadb(
 *   defineConfig({ entities: [Project], host: 'db', user: 'app', password, dbName: 'app', migrations: { path: './migrations' } }),
 *   { logins: { secret: process.env.TENANT_LOGINS_SECRET } },
 * );
 * const tenancy = createTenancy({ resources: [orm], resolver: fromSubdomain('app.com') });
 * await tenancy.run('acme', () => orm.em.find(Project, {}));
 */
export async function createMariadb<
  D extends IDatabaseDriver = IDatabaseDriver,
  EM extends D[typeof EntityManagerType] & EntityManager<D> = D[typeof EntityManagerType] & EntityManager<D>,
  Entities extends DeclaredEntities = DeclaredEntities,
>(
  config: Partial<Options<D, EM, Entities>>,
  options: MariadbOptions<MariadbOrmEntityManager<EM, Entities>>,
): Promise<Mariadb<MariadbOrmEntityManager<EM, Entities>>> {
  requireNode();
  const { secret, host, ...limits } = checkedOptions(options as MariadbOptions);
  const current = () => (currentScope() ? (handleOf<unknown>(mariadb) as TenantEntityManager) : undefined);
  const base = await initMariadbOrm(config as unknown as Partial<Options>, current);
  const { server, database: application, ...account } = serverOf(base, config as unknown as Partial<Options>);
  const admin = openAdmin({ server, ...account, database: application }, (session) =>
    openCentral(session, application),
  );
  const logins = createLogins(application, secret);
  const pool = sessionPool({ server, ...limits });
  const storage = tenantStorage({ admin, server, logins, host, application });

  function lenderOf(tenant: Tenant): () => Promise<Session> {
    const whyRefused = async (cause: unknown) =>
      (await storage.exists(tenant)) ? loginRefused(tenant, cause) : gone(tenant);
    return lender(pool, logins.of(tenant), whyRefused);
  }

  const databaseOf = (tenant: Tenant) => tenantDatabase(lenderOf(tenant), pool.giveBack);

  /** The lock is the session's: whoever loses the one has lost the other, and nobody else can know its name. */
  async function holding<R>(tenant: Tenant, work: (database: ScopedDatabase) => Promise<R>): Promise<R> {
    const session = await lenderOf(tenant)();
    try {
      const { result } = await session.wire.query('select get_lock(?, 10) as is_mine', [logins.lockName(tenant)]);
      if ((result.rows as { is_mine: number }[])[0]?.is_mine !== 1) throw isMigrated(tenant);
      return await work(heldDatabase(session));
    } finally {
      pool.giveBack(session, { isChanged: true });
    }
  }

  async function inScratch<R>(work: (scratch: Tenant) => Promise<R>): Promise<R> {
    const scratch = scratchTenant();
    await storage.create(scratch);
    try {
      return await work(scratch);
    } finally {
      pool.closeOf(logins.of(scratch).user);
      await storage.destroy(scratch);
    }
  }

  /** A session that is closed afterwards, because of what was set in it. */
  async function sessionOf(tenant: Tenant): Promise<ArchiveSession> {
    const session = await lenderOf(tenant)();
    const em = forkOn(() => heldDatabase(session), tenant);
    return { wire: session.wire, em, release: () => pool.giveBack(session, { isSpent: true }) };
  }

  const forkOn = (database: () => ScopedDatabase, tenant: Tenant) =>
    base.em.forkFor(drivers.on(database, { scopeKey: incarnationOf(tenant), scopeLabel: tenant.id }));
  const drivers = createDatabaseDrivers(base, { kind: mariadbKind, refused: mariadbRefused, databaseOf });
  const store = options.store ?? centralStore(admin);
  const migrations = openMigrations({
    base: base.em,
    store,
    databaseOf,
    holding,
    inScratch,
    forkOn,
  });
  const verbs = tenantResource({
    admin,
    storage,
    logins,
    pool,
    fork: (tenant) => base.em.forkFor(drivers.of({ kind: 'tenant', tenant })),
    migrations,
    archive: { sessionOf, set: migrations.set, bringTo: migrations.bringTo, checkVersion: migrations.checkVersion },
    seed: options.seed as never,
    places: options.store === undefined,
  });
  // A tenancy that is given the store must have the databases as well.
  if (options.store === undefined) Object.assign(store, { [resource]: Object.assign(verbs, { store }) });
  const mariadb = {
    em: base.em,
    store,
    migrations: migrations.migrations,
    stats: () => pool.stats(),
    [resource]: verbs as ResourceVerbs,
  };
  return mariadb as never;
}

/** The EntityManager that a configuration names, which types `getKysely()` by its entities as MikroORM's own `orm.em` does. */
export type MariadbOrmEntityManager<EM, Entities> = (EM extends MariadbEntityManager ? EM : MariadbEntityManager) & {
  readonly '~entities'?: Entities;
};

/** Whose database is for a comparison, and is no tenant's. */
function scratchTenant(): Tenant {
  const now = new Date();
  const id = `verify-${randomBytes(8).toString('hex')}`;
  const own = { isolation: 'database', placement: {}, config: {} };
  return { id, name: id, status: 'provisioning', ...own, createdAt: now, updatedAt: now };
}

function gone({ id }: Tenant): TenancyError {
  const message = `Tenant "${id}" has no database any more: it was removed, or its database was renamed. Look the tenant up again.`;
  return new TenancyError('TENANT_OUTDATED', message, { tenant: id });
}

function loginRefused({ id }: Tenant, cause: unknown): TenancyError {
  const message =
    `MariaDB refuses the user of tenant "${id}". All processes need the same logins.secret; after it was changed, or the user was altered, call ` +
    `tenancy.tenants.migrate("${id}").`;
  return new TenancyError('CREDENTIALS_UNREADABLE', message, { tenant: id, cause });
}

function isMigrated({ id }: Tenant): TenancyError {
  const message = `Tenant "${id}" is being migrated by another process, or a statement of a process that was killed still runs. Try again later.`;
  return new TenancyError('TENANT_BUSY', message, { tenant: id });
}
