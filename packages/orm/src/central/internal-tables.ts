import type { TenantEntityManager } from '../entities/entity-manager.ts';
import { centralSchema } from '../entities/entity-scope.ts';
import { quoteName, quoteText } from '../sql/quote.ts';

/** The leases of tenants' ids. */
export const leaseTable = inCentral('omnitenant_lease');

/** Where removed tenants were, so that no later tenant gets their names. */
export const formerTenantTable = inCentral('omnitenant_former_tenant');

/** What has changed in tenants and domains, and the number of the last change. */
export const changeTable = inCentral('omnitenant_change');
export const changeCounterTable = inCentral('omnitenant_change_counter');

/** The tables of central that are the orm's own. They are in no entity and in no migration of the application. */
export const internalTables: string = `
  create table if not exists ${leaseTable} (
    id text collate "C" primary key, holder text not null, verb text not null, ends_at timestamptz not null
  );
  create table if not exists ${formerTenantTable} (
    id text collate "C" not null, created_at timestamptz not null, isolation text not null,
    server text collate "C" not null, database text collate "C" not null, schema text collate "C" not null, role text collate "C" not null,
    primary key (server, database, schema, id, created_at)
  );
  create table if not exists ${changeTable} (
    number bigint primary key, kind text not null, name text not null, updated_at bigint
  );
  create table if not exists ${changeCounterTable} (one boolean primary key default true check (one), number bigint not null);
  insert into ${changeCounterTable} (number) values (0) on conflict do nothing`;

/** Makes the tables that are not there: an earlier version may have made central, or migrations of the application. */
export async function createInternalTables(em: TenantEntityManager): Promise<void> {
  const names = [leaseTable, formerTenantTable, changeTable, changeCounterTable];
  const found = await em.execute<{ missing: boolean }[]>(
    `select ${names.map((name) => `to_regclass(${quoteText(name)}) is null`).join(' or ')} as missing`,
  );
  if (found[0]?.missing) await em.execute(internalTables);
}

function inCentral(table: string): string {
  return `${quoteName(centralSchema)}.${quoteName(table)}`;
}
