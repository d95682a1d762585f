import type { AbstractSqlDriver } from '@mikro-orm/sql';
import { TenancyError, type Tenant } from '@omnitenant/core';
import { incarnationOf, type ResourceScope } from '@omnitenant/core/extend';
import { guardedBuilder, refuseElsewhere, type ScopedDriver } from '@omnitenant/orm/extend';
import type { TenantFile } from '../handles/tenant-file.ts';
import { type BaseOrm, connectionClassOf } from './base-orm.ts';
import { fileConnectionClass } from './file-connection.ts';
import { fileDialect } from './file-dialect.ts';

/** The drivers of an application's tenants. */
export interface Drivers {
  /** The driver of a scope, created on first use. */
  of(scope: ResourceScope): ScopedDriver;
  /** A driver on a file that is given, such as one that is migrated; without it, for writing migrations. */
  on(file: () => TenantFile, owner: { readonly scopeKey: string; readonly scopeLabel: string }): ScopedDriver;
}

/** Derives each tenant's driver from the base's. */
export function createDrivers(orm: BaseOrm, fileOf: (tenant: Tenant) => TenantFile): Drivers {
  const FileConnection = fileConnectionClass(connectionClassOf(orm));
  const prototype = scopedPrototype(orm.driver);
  // A driver lives as long as the tenant's record: a changed tenant has another record, and so another driver.
  const ofTenants = new WeakMap<Tenant, ScopedDriver>();

  function on(file: () => TenantFile, owner: { scopeKey: string; scopeLabel: string }): ScopedDriver {
    const scoped = Object.create(prototype) as ScopedDriver;
    const connection = new FileConnection(orm.config, { driverOptions: () => fileDialect(file) } as never, 'write');
    connection.file = file;
    connection.setMetadata(orm.getMetadata());
    connection.setPlatform(orm.driver.getPlatform());
    return Object.assign(scoped, { ...owner, connection, replicas: [] });
  }

  function ofTenant(tenant: Tenant): ScopedDriver {
    const owner = { scopeKey: incarnationOf(tenant), scopeLabel: tenant.id };
    const belonging = { ...owner, getMetadata: () => orm.getMetadata() };
    return on(() => {
      refuseElsewhere(belonging);
      return fileOf(tenant);
    }, owner);
  }

  return {
    on,
    of(scope) {
      if (scope.kind === 'central') throw noCentral();
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
      return guardedBuilder(base.createQueryBuilder.apply(this, parameters), this);
    },
  });
}

function noCentral(): TenancyError {
  return new TenancyError(
    'NOT_IN_TENANT',
    'Central has no EntityManager on SQLite: its file holds the records of tenants only. Enter a tenant with tenancy.run().',
  );
}
