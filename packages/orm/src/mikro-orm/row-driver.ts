import type { EntityMetadata, MetadataStorage } from '@mikro-orm/core';
import { type AbstractSqlDriver, type NativeQueryBuilder, type QueryBuilder, QueryType } from '@mikro-orm/sql';
import { inheriting } from '../entities/inheriting.ts';
import { tenantColumn } from '../placement/shared-tables.ts';
import { quoteName } from '../sql/quote.ts';
import { conflictWithTenant } from './conflicts.ts';
import { referringTables } from './referring-tables.ts';

/** Makes a driver of tenants that share tables: what MikroORM writes and reads is as if the table were the tenant's alone. */
export function rowDriver(prototype: AbstractSqlDriver): AbstractSqlDriver {
  const { createQueryBuilder, mapResult } = prototype;
  return Object.assign(prototype, {
    createQueryBuilder(this: AbstractSqlDriver, ...parameters: Parameters<typeof createQueryBuilder>) {
      return rowBuilder(createQueryBuilder.apply(this, parameters) as QueryBuilder<object>);
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

type Call<Result> = (this: QueryBuilder<object>, ...parameters: unknown[]) => Result;

/** Makes a query builder, and each that is cloned from it, one for tables that tenants share. */
const rowBuilder = inheriting((base: QueryBuilder<object>) => {
  const clone = base.clone as Call<QueryBuilder<object>>;
  const onConflict = base.onConflict as Call<unknown>;
  const getNativeQuery = base.getNativeQuery as Call<NativeQueryBuilder>;
  const methods: Record<string, Call<unknown>> = {
    onConflict(fields) {
      return onConflict.call(this, conflictWithTenant(fields));
    },
    clone(...parameters) {
      return rowBuilder(clone.apply(this, parameters));
    },
    getNativeQuery(...parameters) {
      const query = getNativeQuery.apply(this, parameters);
      if (this.type !== QueryType.TRUNCATE) return query;
      const { metadata } = this as unknown as { readonly metadata: MetadataStorage };
      return withDeletion(query, referringTables(this.mainAlias.meta as EntityMetadata, metadata));
    },
  };
  return Object.assign(Object.create(base), methods);
});

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
