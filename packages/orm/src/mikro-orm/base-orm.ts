import { type Connection, MikroORM, type Options } from '@mikro-orm/core';
import type { AbstractSqlConnection, AbstractSqlDriver } from '@mikro-orm/sql';
import { isTenancyError, TenancyError } from '@omnitenant/core';
import { TenantEntityManager } from '../entities/entity-manager.ts';
import { flushGuard } from '../entities/ownership.ts';

export type BaseOrm = MikroORM<AbstractSqlDriver, TenantEntityManager>;

let instances = 0;

/**
 * Initialises the one MikroORM that all tenants share: its entities are discovered once, and it has no connection.
 * Its EntityManager finds the current scope's through `current`, and where there is none, `current` refuses.
 */
export async function initBaseOrm(
  config: Partial<Options>,
  current: () => TenantEntityManager | undefined,
): Promise<BaseOrm> {
  instances += 1;
  const orm = (await MikroORM.init({
    ...config,
    // MikroORM finds an open transaction by this name, so no other MikroORM of the process may bear it.
    contextName: config.contextName ?? `omnitenant-${instances}`,
    migrations: { silent: true, ...config.migrations, snapshotOnMigrate: false },
    subscribers: [flushGuard, ...(config.subscribers ?? [])],
    ensureDatabase: false,
    entityManager: TenantEntityManager,
    driverOptions: noConnection,
  } as Options)) as unknown as BaseOrm;
  const { driver } = orm;
  const convert = driver.convertException;
  driver.convertException = (exception) =>
    isTenancyError(exception) ? (exception as never) : convert.call(driver, exception);
  orm.em.beGlobal(current);
  return orm;
}

function noConnection(): never {
  throw new TenancyError(
    'OUTSIDE_SCOPE',
    'The database was asked for outside of any scope. Enter one with tenancy.run or tenancy.central.',
  );
}

/** What the database server behind the configured driver can do. */
export interface ServerCapabilities {
  /** It runs in this process, on one connection, and needs no pool. */
  readonly isEmbedded: boolean;
  /** It can hold a database for each tenant. */
  readonly hasDatabases: boolean;
  /** Its connections can log in as a user that row-level security binds. */
  readonly hasUsers: boolean;
}

/** PGlite is recognised by the package that its driver needs. The names of classes do not survive a minifier. */
export function serverOf(orm: BaseOrm): ServerCapabilities {
  const isEmbedded = orm.driver.getDependencies().includes('@electric-sql/pglite');
  return { isEmbedded, hasDatabases: !isEmbedded, hasUsers: !isEmbedded };
}

export type ConnectionConstructor = new (
  ...parameters: ConstructorParameters<typeof Connection>
) => AbstractSqlConnection;

/** The class of the configured driver's connections. */
export function connectionClassOf(orm: BaseOrm): ConnectionConstructor {
  return orm.driver.getConnection().constructor as unknown as ConnectionConstructor;
}
