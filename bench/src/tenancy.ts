import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy, fromDomain, type Tenancy, type TenancyOptions } from '@omnitenant/core';
import { createOrm, type Orm, type OrmOptions } from '@omnitenant/orm';
import { entities, migrationsList } from './workload.ts';

export interface BenchTenancy {
  readonly tenancy: Tenancy;
  readonly orm: Orm;
}

export interface BenchTenancyOptions {
  readonly url: string;
  /** What the names of tenants' databases begin with. */
  readonly prefix: string;
  /** Milliseconds for which a lookup is remembered. */
  readonly ttl?: number;
  /** Connections of each pool. */
  readonly poolMax?: number;
  readonly connections?: OrmOptions['connections'];
  readonly migrations?: typeof migrationsList;
  readonly rows?: OrmOptions['rows'];
  /** What each tenant has besides its database. */
  readonly resources?: NonNullable<TenancyOptions['resources']>;
}

/** Connections of each pool, of the server without tenancy too. */
export const poolMax = 10;

/** Connections of servers under load outlast the rounds of the other side: what is measured is a server that is in use. */
export const idleTimeoutMillis = 120_000;

/** The application under measurement. */
export async function openTenancy({
  url,
  prefix,
  ttl = 30_000,
  poolMax: max = poolMax,
  connections,
  migrations = migrationsList,
  rows,
  resources = [],
}: BenchTenancyOptions): Promise<BenchTenancy> {
  const orm = await createOrm(
    defineConfig({ clientUrl: url, entities, pool: { max }, migrations: { migrationsList: migrations } }),
    { names: { database: (id) => `${prefix}${id}` }, rows, ...(connections && { connections }) },
  );
  return {
    orm,
    tenancy: createTenancy({ resources: [orm, ...resources], resolver: fromDomain(), cache: { ttlMs: ttl } }),
  };
}
