import type { AbstractSqlDriver } from '@mikro-orm/sql';
import { TenancyError, type Tenant } from '@omnitenant/core';
import { incarnationOf, type ResourceScope } from '@omnitenant/core/extend';
import { refuseElsewhere } from '../entities/elsewhere.ts';
import { guardedBuilder } from '../entities/guarded-builder.ts';
import type { ScopedDriver } from '../entities/ownership.ts';
import type { ScopedDatabase } from '../session/database-session.ts';
import { databaseConnectionClass, type RefusedMembers } from './database-connection.ts';
import { type DatabaseKind, databaseDialect } from './database-dialect.ts';
import { connectionClassOf, type DatabaseOrm } from './database-orm.ts';

/** The drivers of an application's tenants. */
export interface DatabaseDrivers {
  /** The driver of a scope, created on first use. */
  of(scope: ResourceScope): ScopedDriver;
  /** A driver on a database that is given, such as one that is migrated. */
  on(database: () => ScopedDatabase, owner: { readonly scopeKey: string; readonly scopeLabel: string }): ScopedDriver;
}

export interface DatabaseDriversOptions {
  readonly kind: DatabaseKind;
  readonly refused: RefusedMembers;
  readonly databaseOf: (tenant: Tenant) => ScopedDatabase;
}

/** Derives each tenant's driver from the base's. */
export function createDatabaseDrivers(
  orm: DatabaseOrm,
  { kind, refused, databaseOf }: DatabaseDriversOptions,
): DatabaseDrivers {
  const Connection = databaseConnectionClass(connectionClassOf(orm), refused);
  const prototype = scopedPrototype(orm.driver);
  // A driver lives as long as the tenant's record: a changed tenant has another record, and so another driver.
  const ofTenants = new WeakMap<Tenant, ScopedDriver>();

  function on(database: () => ScopedDatabase, owner: { scopeKey: string; scopeLabel: string }): ScopedDriver {
    const scoped = Object.create(prototype) as ScopedDriver;
    const driverOptions = () => databaseDialect(kind, database);
    const connection = new Connection(orm.config, { driverOptions } as never, 'write');
    connection.database = database;
    connection.setMetadata(orm.getMetadata());
    connection.setPlatform(orm.driver.getPlatform());
    return Object.assign(scoped, { ...owner, connection, replicas: [] });
  }

  function ofTenant(tenant: Tenant): ScopedDriver {
    const owner = { scopeKey: incarnationOf(tenant), scopeLabel: tenant.id };
    const belonging = { ...owner, getMetadata: () => orm.getMetadata() };
    return on(() => {
      refuseElsewhere(belonging);
      return databaseOf(tenant);
    }, owner);
  }

  return {
    on,
    of(scope) {
      if (scope.kind === 'central') throw noCentralEntities();
      const known = ofTenants.get(scope.tenant) ?? ofTenant(scope.tenant);
      ofTenants.set(scope.tenant, known);
      return known;
    },
  };
}

/** What a tenant's driver does differently: it names no schema, and its query builders refuse what is another tenant's. */
function scopedPrototype(driver: AbstractSqlDriver): AbstractSqlDriver {
  const base = Object.getPrototypeOf(driver) as AbstractSqlDriver;
  return Object.assign(Object.create(driver) as AbstractSqlDriver, {
    getSchemaName: () => undefined,
    createQueryBuilder(this: ScopedDriver, ...parameters: Parameters<AbstractSqlDriver['createQueryBuilder']>) {
      return guardedBuilder(base.createQueryBuilder.apply(this, parameters));
    },
  });
}

/** Where central has the records of tenants only. */
export function noCentralEntities(): TenancyError {
  return new TenancyError(
    'NOT_IN_TENANT',
    'Central has no EntityManager here: it holds the records of tenants only. Enter a tenant with tenancy.run().',
  );
}
