import { isTenancyError, type Tenant } from '@omnitenant/core';
import { incarnationOf } from '@omnitenant/core/extend';
import type { Pools } from '../connections/pools.ts';
import { type OrmPlacement, placementOf, sharesTables } from '../placement/placement.ts';
import type { Database } from '../sql/client.ts';
import { quoteText } from '../sql/quote.ts';

/** What one query measures: what tenants have in one place, by its name there. */
interface Measuring {
  readonly database: Database;
  readonly sql: (names: string) => string;
  readonly owners: Map<string, string>;
}

/**
 * Measures what tenants store, by their incarnation: schemas with one query for each database, databases with one for each server. Tables
 * that tenants share tell no tenant's part, and a server that cannot be reached tells nothing.
 */
export function storedBytes(pools: Pools, maintenance: (server: string) => Database) {
  return async (tenants: readonly Tenant[]): Promise<ReadonlyMap<string, number>> => {
    const measurings = new Map<string, Measuring>();
    for (const tenant of tenants) {
      if (sharesTables(tenant)) continue;
      const placement = placementOf(tenant);
      const { key, name, ...measuring } = tenant.isolation === 'database' ? ofDatabase(placement) : ofSchema(placement);
      const found = measurings.get(key) ?? { ...measuring, owners: new Map<string, string>() };
      measurings.set(key, found);
      found.owners.set(name, incarnationOf(tenant));
    }
    const bytes = new Map<string, number>();
    for (const measuring of measurings.values()) {
      for (const [owner, count] of await measured(pools, measuring)) bytes.set(owner, count);
    }
    return bytes;
  };

  function ofDatabase(placement: OrmPlacement) {
    const { server, database: name, url } = placement;
    const database = url === undefined ? maintenance(server) : placement;
    return { key: JSON.stringify(['database', server, url]), name, database, sql: sizesOfDatabases };
  }
}

function ofSchema(database: OrmPlacement) {
  const { server, database: named, url, schema: name } = database;
  return { key: JSON.stringify(['schema', server, named, url]), name, database, sql: sizesOfSchemas };
}

async function measured(pools: Pools, { database, sql, owners }: Measuring): Promise<[owner: string, bytes: number][]> {
  try {
    const rows = await pools.query(database, sql([...owners.keys()].map(quoteText).join(', ')));
    return rows.map(({ name, bytes }) => [owners.get(String(name)) ?? '', Number(bytes)]);
  } catch (error) {
    if (isTenancyError(error, 'SERVER_UNAVAILABLE')) return [];
    throw error;
  }
}

const sizesOfDatabases = (names: string) =>
  `select datname as name, pg_database_size(oid) as bytes from pg_database where datname in (${names})`;

const sizesOfSchemas = (names: string) =>
  `select nspname as name, coalesce(sum(pg_total_relation_size(c.oid)), 0) as bytes from pg_namespace n
   left join pg_class c on c.relnamespace = n.oid and c.relkind in ('r', 'm') where nspname in (${names}) group by nspname`;
