import { type Connection, MikroORM, type Options } from '@mikro-orm/core';
import type { AbstractSqlConnection, AbstractSqlDriver } from '@mikro-orm/sql';
import { isTenancyError, TenancyError } from '@omnitenant/core';
import { tagError } from '@omnitenant/core/extend';
import { type TenantEntityManager, tenantEntityManager } from '../entities/entity-manager.ts';
import type { EntityManagerClass } from '../entities/entity-manager-class.ts';
import { centralSchema } from '../entities/entity-scope.ts';
import { flushGuard, type ScopedDriver } from '../entities/ownership.ts';
import { codeOf, sqlState } from '../sql/error-codes.ts';
import { forTenants } from './for-tenants.ts';

export type BaseOrm = MikroORM<AbstractSqlDriver, TenantEntityManager>;

const pglite = '@electric-sql/pglite';

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
    ...forTenants(config),
    // MikroORM finds an open transaction by this name, so no other MikroORM of the process may bear it.
    contextName: config.contextName ?? `omnitenant-${instances}`,
    migrations: { silent: true, ...config.migrations, snapshotOnMigrate: false },
    subscribers: [flushGuard, ...(config.subscribers ?? [])],
    ensureDatabase: false,
    driverOptions: noConnection,
  } as Options)) as unknown as BaseOrm;
  refuseConfiguredSchema(orm);
  refuseOtherServers(orm);
  const { driver } = orm;
  useTenantEntityManager(orm);
  const convert = driver.convertException;
  driver.convertException = function convertInScope(this: Partial<ScopedDriver>, exception) {
    if (isTenancyError(exception)) return exception as never;
    const converted = lacksCentral(exception) ? centralMissing(exception) : convert.call(driver, exception);
    const { scopeLabel = centralSchema } = this;
    if (scopeLabel !== centralSchema) tagError(converted, scopeLabel);
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

/** MikroORM would qualify the tables of each tenant with it. */
function refuseConfiguredSchema({ config, driver }: BaseOrm): void {
  const schema = config.get('schema');
  if (schema === undefined || schema === driver.getPlatform().getDefaultSchemaName()) return;
  throw new TenancyError(
    'CONFIG_INVALID',
    `The MikroORM configuration, or MIKRO_ORM_SCHEMA, sets the schema "${schema}", but each tenant has its own schema. Remove it.`,
  );
}

/** Of MySQL, SQLite and the others, everything would fail later, and in words of their own. */
function refuseOtherServers({ driver }: BaseOrm): void {
  if (driver.getDependencies().some((name) => name === 'pg' || name === pglite)) return;
  throw new TenancyError(
    'CONFIG_INVALID',
    `createOrm needs PostgreSQL or PGlite, and the MikroORM configuration has another driver, "${driver.constructor.name}". ` +
      'Pass it the result of defineConfig of @mikro-orm/postgresql or @mikro-orm/pglite.',
  );
}

function lacksCentral(exception: Error): boolean {
  const isMissing = [sqlState.undefinedTable, sqlState.undefinedSchema].includes(codeOf(exception) as never);
  return isMissing && new RegExp(`"${centralSchema}[."]`).test(exception.message);
}

function centralMissing(cause: Error): TenancyError {
  return new TenancyError(
    'CENTRAL_INCOMPLETE',
    `Central lacks a table: ${cause.message}. Call tenancy.migrateCentral(), or run: omnitenant migrate --central.`,
    { cause },
  );
}

function noConnection(): never {
  throw new TenancyError(
    'OUTSIDE_SCOPE',
    'The database was used outside any scope. Enter one with tenancy.run() or tenancy.central().',
  );
}

/** What the database server behind the configured driver can do. */
export interface ServerCapabilities {
  /** It runs in this process, on one connection, and needs no pool. */
  readonly isEmbedded: boolean;
  /** It can hold a database for each tenant. */
  readonly hasDatabases: boolean;
}

/** PGlite is recognised by the package that its driver needs. The names of classes do not survive a minifier. */
export function serverOf(orm: BaseOrm): ServerCapabilities {
  const isEmbedded = orm.driver.getDependencies().includes(pglite);
  return { isEmbedded, hasDatabases: !isEmbedded };
}

export type ConnectionConstructor = new (
  ...parameters: ConstructorParameters<typeof Connection>
) => AbstractSqlConnection;

/** The class of the configured driver's connections. */
export function connectionClassOf(orm: BaseOrm): ConnectionConstructor {
  return orm.driver.getConnection().constructor as unknown as ConnectionConstructor;
}
