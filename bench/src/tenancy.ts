import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy, fromDomain, type Tenancy } from '@omnitenant/core';
import { createOrm, type Orm } from '@omnitenant/orm';
import { migrationsList, UserSchema } from './workload.ts';

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
}

/** Connections of each pool, of the server without tenancy too. */
export const poolMax = 10;

/** The application under measurement. */
export async function openTenancy({ url, prefix, ttl = 30_000 }: BenchTenancyOptions): Promise<BenchTenancy> {
  const orm = await createOrm(
    defineConfig({ clientUrl: url, entities: [UserSchema], pool: { max: poolMax }, migrations: { migrationsList } }),
    { names: { database: (id) => `${prefix}${id}` } },
  );
  return {
    orm,
    tenancy: createTenancy({ store: orm.store, resources: [orm], resolver: fromDomain(), cache: { ttl } }),
  };
}
