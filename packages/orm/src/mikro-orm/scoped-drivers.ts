import type { EntityMetadata } from '@mikro-orm/core';
import type { AbstractSqlDriver } from '@mikro-orm/sql';
import { TenancyError } from '@omnitenant/core';
import { centralSchema, type EntityScope, type EntityScopes } from '../entities/entity-scope.ts';
import { guardedBuilder } from '../entities/guarded-builder.ts';
import type { Owner, ScopedDriver } from '../entities/ownership.ts';
import type { PinnedPool } from '../session/pinned-pool.ts';
import { type BaseOrm, connectionClassOf } from './base-orm.ts';
import { controlClientClass } from './control-client.ts';
import { markingGeneratedReads } from './generated-reads.ts';
import { rowDriver } from './row-driver.ts';
import { scopedConnectionClass } from './scoped-connection.ts';
import { ScopedDialect } from './scoped-dialect.ts';
import { StreamCursor } from './stream-cursor.ts';

/** Derives scoped drivers from the base's: microseconds and about 4 KB each. */
export function scopedDrivers(orm: BaseOrm, scopes: EntityScopes) {
  const { driver } = orm;
  const ScopedConnection = scopedConnectionClass(connectionClassOf(orm));
  const prototypes = {
    tenant: scopedPrototype(orm, scopes, 'tenant'),
    row: rowDriver(scopedPrototype(orm, scopes, 'tenant')),
    central: scopedPrototype(orm, scopes, 'central'),
  };
  return (kind: 'tenant' | 'row' | 'central', owner: Owner, pool: PinnedPool): ScopedDriver => {
    const scoped = Object.create(prototypes[kind]) as ScopedDriver;
    const dialect = () =>
      new ScopedDialect(
        { pool: pool as never, cursor: StreamCursor as never, controlClient: controlClientClass(pool) as never },
        owner,
        kind === 'row',
      );
    const connection = new ScopedConnection(orm.config, { driverOptions: dialect }, 'write');
    connection.pool = pool;
    connection.namedSchema = kind === 'central' ? centralSchema : undefined;
    connection.setMetadata(orm.getMetadata());
    connection.setPlatform(driver.getPlatform());
    Object.assign(scoped, { ...owner, connection, replicas: [] });
    return scoped;
  };
}

/** What a scope's driver does differently: it knows which entities are here. */
function scopedPrototype(orm: BaseOrm, scopes: EntityScopes, kind: 'tenant' | 'central'): AbstractSqlDriver {
  const { driver } = orm;
  const base = Object.getPrototypeOf(driver) as AbstractSqlDriver;
  function check(meta: EntityMetadata | undefined, label: string): EntityScope | undefined {
    const scope = meta && scopes.get(meta);
    if (scope && scope !== kind && scope !== 'shared') throw outOfScope(meta, scope, label);
    return scope;
  }
  const prototype = markingGeneratedReads(Object.create(driver) as AbstractSqlDriver, base);
  return Object.assign(prototype, {
    /** The pin says where unqualified names lead, so only central tables are qualified. */
    getSchemaName(this: ScopedDriver, meta?: EntityMetadata, options?: { schema?: string }) {
      const scope = check(meta, this.scopeLabel);
      if (!scope) return base.getSchemaName.call(this, meta as never, options as never);
      return kind === 'central' ? centralSchema : undefined;
    },
    createQueryBuilder(this: ScopedDriver, entityName: never, ...rest: []) {
      check(orm.getMetadata().find(entityName), this.scopeLabel);
      return guardedBuilder(base.createQueryBuilder.call(this, entityName, ...rest));
    },
  });
}

function outOfScope(meta: EntityMetadata, scope: EntityScope, label: string): TenancyError {
  return scope === 'central'
    ? new TenancyError(
        'ENTITY_OUT_OF_SCOPE',
        `${meta.className} is a central entity, and this is the scope of the tenant '${label}'. Reach it inside tenancy.central(…).`,
        { tenant: label },
      )
    : new TenancyError(
        'ENTITY_OUT_OF_SCOPE',
        `${meta.className} is the tenants' entity, and this is the central scope, which is in no tenant. Reach it inside tenancy.run(…).`,
      );
}
