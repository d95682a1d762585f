import { MikroORM, type Options } from '@mikro-orm/core';
import type { AbstractSqlDriver } from '@mikro-orm/sql';
import { isTenancyError, TenancyError } from '@omnitenant/core';
import { tagError } from '@omnitenant/core/extend';
import { type TenantEntityManager, tenantEntityManager } from '../entities/entity-manager.ts';
import type { EntityManagerClass } from '../entities/entity-manager-class.ts';
import { flushGuard, type ScopedDriver } from '../entities/ownership.ts';
import type { ConnectionClass } from './database-connection.ts';

/** The MikroORM of tenants that are on another database than PostgreSQL. */
export type DatabaseOrm = MikroORM<AbstractSqlDriver, TenantEntityManager>;

export interface DatabaseOrmOptions {
  /** What is looked at before the entities are discovered, such as the driver; throws CONFIG_INVALID. */
  readonly check: (orm: DatabaseOrm) => void;
  /** Names the kind of database in messages: "a file of SQLite". */
  readonly kind: string;
  /** Names the application in a result cache that several applications share. */
  readonly dbName: string;
  /** Finds the current scope's EntityManager, and refuses where there is none. */
  readonly current: () => TenantEntityManager | undefined;
}

let instances = 0;

/** Initialises the one MikroORM that all tenants share: its entities are discovered once, and it has no connection. */
export async function initDatabaseOrm(
  config: Partial<Options>,
  { check, kind, dbName, current }: DatabaseOrmOptions,
): Promise<DatabaseOrm> {
  instances += 1;
  const orm = (await MikroORM.init({
    ...config,
    dbName,
    // MikroORM finds an open transaction by this name, so no other MikroORM of the process may bear it.
    contextName: config.contextName ?? `omnitenant-database-${instances}`,
    // References are checked by whoever runs a migration, or by the database itself.
    migrations: { silent: true, ...config.migrations, snapshotOnMigrate: false, disableForeignKeys: false },
    subscribers: [flushGuard, ...(config.subscribers ?? [])],
    ensureDatabase: false,
    driverOptions: noConnection,
  } as Options)) as unknown as DatabaseOrm;
  check(orm);
  refuseSchemas(orm, kind);
  useTenantEntityManager(orm);
  const { driver } = orm;
  const convert = driver.convertException;
  driver.convertException = function convertInScope(this: Partial<ScopedDriver>, exception) {
    if (isTenancyError(exception)) return exception as never;
    const converted = convert.call(driver, exception);
    if (this.scopeLabel !== undefined) tagError(converted, this.scopeLabel);
    return converted as never;
  };
  orm.em.beGlobal(current);
  return orm;
}

/** The class of the connections of the configured driver. */
export function connectionClassOf(orm: DatabaseOrm): ConnectionClass {
  return orm.driver.getConnection().constructor as unknown as ConnectionClass;
}

/** Replaces MikroORM's global EntityManager by one of a class that extends its own, the driver's or the application's. */
function useTenantEntityManager(orm: DatabaseOrm): void {
  orm.config.set('entityManager', tenantEntityManager(orm.em.constructor as EntityManagerClass) as never);
  orm.em = orm.driver.createEntityManager() as never;
  (orm.em as { global: boolean }).global = true;
  orm.getMetadata().decorate(orm.em);
}

/** What MikroORM makes of a schema is another database. */
function refuseSchemas(orm: DatabaseOrm, kind: string): void {
  const found = [...orm.getMetadata().getAll().values()].find(({ schema }) => schema !== undefined && schema !== '*');
  if (found === undefined) return;
  throw new TenancyError(
    'CONFIG_INVALID',
    `The entity "${found.className}" is in the schema "${found.schema}", and ${kind} has no schemas. Remove it. Entities of central are ` +
      'not supported there.',
  );
}

function noConnection(): never {
  throw new TenancyError('OUTSIDE_SCOPE', 'The database was used outside any scope. Enter one with tenancy.run().');
}
