import type { EntityMetadata, MetadataStorage } from '@mikro-orm/core';
import { type AbstractSqlDriver, type NativeQueryBuilder, type QueryBuilder, QueryType } from '@mikro-orm/sql';
import { tenantColumn } from '../placement/shared-tables.ts';
import { quoteName } from '../sql/quote.ts';
import { conflictWithTenant } from './conflicts.ts';
import { referringTables } from './referring-tables.ts';

/** Makes a driver of tenants that share tables: what MikroORM writes and reads is as if the table were the tenant's alone. */
export function rowDriver(prototype: AbstractSqlDriver): AbstractSqlDriver {
  const { createQueryBuilder, mapResult } = prototype;
  return Object.assign(prototype, {
    createQueryBuilder(this: AbstractSqlDriver, ...parameters: Parameters<typeof createQueryBuilder>) {
      return rowBuilder(createQueryBuilder.apply(this, parameters), this.getMetadata());
    },
    /** A row of `select *` has the tenant's column, of which an entity knows nothing. */
    mapResult(this: AbstractSqlDriver, ...parameters: Parameters<typeof mapResult>) {
      const [, meta] = parameters;
      const row = mapResult.apply(this, parameters) as Record<string, unknown> | null;
      if (row && meta && tenantColumn in row && !(tenantColumn in meta.properties)) delete row[tenantColumn];
      return row;
    },
  });
}

type Builder = Pick<QueryBuilder<object>, 'onConflict' | 'clone' | 'getNativeQuery' | 'mainAlias' | 'type'>;

/** A query builder, and each that is cloned from it, for tables that tenants share. */
function rowBuilder<B extends Builder>(builder: B, metadata: MetadataStorage): B {
  const { onConflict, clone, getNativeQuery } = builder;
  return Object.assign(builder, {
    onConflict: (fields?: unknown) => onConflict.call(builder, conflictWithTenant(fields) as never),
    clone: (...parameters: Parameters<typeof clone>) => rowBuilder(clone.apply(builder, parameters), metadata),
    getNativeQuery(...parameters: Parameters<typeof getNativeQuery>) {
      const query = getNativeQuery.apply(builder, parameters);
      if (builder.type !== QueryType.TRUNCATE) return query;
      return withDeletion(query, referringTables(builder.mainAlias.meta as EntityMetadata, metadata));
    },
  });
}

/** `truncate` would empty the table for all tenants: in its place, the tenant's rows are deleted, with those that refer to them. */
function withDeletion<Query extends NativeQueryBuilder>(query: Query, referring: readonly string[]): Query {
  return Object.assign(query, {
    compileTruncate(this: { readonly parts: string[]; getTableName(): string }): void {
      const others = referring.map((table, at) => `deleted_${at + 1} as (delete from ${quoteName(table)})`);
      if (others.length > 0) this.parts.push(`with ${others.join(', ')}`);
      this.parts.push(`delete from ${this.getTableName()}`);
    },
  });
}
