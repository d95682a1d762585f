import { MikroORM, type Options } from '@mikro-orm/core';
import type { AbstractSqlDriver } from '@mikro-orm/sql';
import { isTenancyError, TenancyError } from '@omnitenant/core';
import { tagError } from '@omnitenant/core/extend';
import {
  type EntityManagerClass,
  flushGuard,
  type ScopedDriver,
  type TenantEntityManager,
  tenantEntityManager,
} from '@omnitenant/orm/extend';
import type { NativeDatabaseClass } from '../handles/native.ts';
import type { ConnectionClass } from './file-connection.ts';

export type BaseOrm = MikroORM<AbstractSqlDriver, TenantEntityManager>;

let instances = 0;

/**
 * Initialises the one MikroORM that all tenants share: its entities are discovered once, and it has no connection.
 * Its EntityManager finds the current scope's through `current`, and where there is none, `current` refuses.
 */
export async function initBaseOrm(
  config: Partial<Options>,
  folder: string,
  current: () => TenantEntityManager | undefined,
): Promise<BaseOrm> {
  instances += 1;
  const orm = (await MikroORM.init({
    ...config,
    // Names the application in a result cache that several applications share.
    dbName: folder,
    // MikroORM finds an open transaction by this name, so no other MikroORM of the process may bear it.
    contextName: config.contextName ?? `omnitenant-sqlite-${instances}`,
    // A migration is checked for broken references as a whole; the pragma does nothing inside its transaction.
    migrations: { silent: true, ...config.migrations, snapshotOnMigrate: false, disableForeignKeys: false },
    subscribers: [flushGuard, ...(config.subscribers ?? [])],
    ensureDatabase: false,
    driverOptions: noConnection,
  } as Options)) as unknown as BaseOrm;
  refuseOtherDrivers(orm);
  refuseSchemas(orm);
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

/** Replaces MikroORM's global EntityManager by one of a class that extends its own, the driver's or the application's. */
function useTenantEntityManager(orm: BaseOrm): void {
  orm.config.set('entityManager', tenantEntityManager(orm.em.constructor as EntityManagerClass) as never);
  orm.em = orm.driver.createEntityManager() as never;
  (orm.em as { global: boolean }).global = true;
  orm.getMetadata().decorate(orm.em);
}

/** SQLite has no schemas; what MikroORM makes of one is an attached database. */
function refuseSchemas(orm: BaseOrm): void {
  const found = [...orm.getMetadata().getAll().values()].find(({ schema }) => schema !== undefined && schema !== '*');
  if (found === undefined) return;
  throw new TenancyError(
    'CONFIG_INVALID',
    `The entity "${found.className}" is in the schema "${found.schema}", and a file of SQLite has no schemas. Remove it. Entities of central are ` +
      'not supported on SQLite.',
  );
}

/** The class of the connections of the configured driver. */
export function connectionClassOf(orm: BaseOrm): ConnectionClass {
  return orm.driver.getConnection().constructor as unknown as ConnectionClass;
}

/** The class of the databases of the configured driver, as MikroORM itself opens them. */
export async function nativeClassOf(orm: BaseOrm): Promise<NativeDatabaseClass> {
  const Connection = connectionClassOf(orm);
  // better-sqlite3's reads the one name, and libsql's the other.
  const driverOptions = { dbName: ':memory:', url: ':memory:' };
  const connection = new Connection(orm.config, { driverOptions } as never, 'write') as unknown as NativeConnection;
  try {
    connection.createKysely();
    return (await connection.getNativeClient()).constructor as NativeDatabaseClass;
  } finally {
    await connection.close(true);
  }
}

interface NativeConnection {
  createKysely(): void;
  getNativeClient(): Promise<object>;
  close(force: boolean): Promise<void>;
}

/** @throws CONFIG_INVALID for a configuration of another database, whose errors would come later. */
function refuseOtherDrivers({ driver, config }: BaseOrm): void {
  if (config.get('attachDatabases', []).length > 0) {
    const message = 'The MikroORM configuration attaches databases, and a tenant has one file. Remove attachDatabases.';
    throw new TenancyError('CONFIG_INVALID', message);
  }
  // The names of classes do not survive a minifier.
  if (driver.getDependencies().some((name) => name === 'better-sqlite3' || name === 'libsql')) return;
  throw new TenancyError(
    'CONFIG_INVALID',
    `createSqlite needs the driver of @mikro-orm/sqlite or @mikro-orm/libsql, and the MikroORM configuration has another, "${driver.constructor.name}". ` +
      'Pass it what defineConfig of one of these packages returns.',
  );
}

function noConnection(): never {
  throw new TenancyError('OUTSIDE_SCOPE', 'The database was used outside any scope. Enter one with tenancy.run().');
}
