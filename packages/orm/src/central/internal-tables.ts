import { centralSchema } from '../entities/entity-scope.ts';
import { codeOf, sqlState } from '../sql/error-codes.ts';
import { quoteName } from '../sql/quote.ts';

/** The leases of tenants' ids. */
export const leaseTable = inCentral('omnitenant_lease');

/** Where removed tenants were, so that no later tenant gets their names. */
export const formerTenantTable = inCentral('omnitenant_former_tenant');

/** The tables of central that are the orm's own. They are in no entity and in no migration of the application. */
export const internalTables: string = `
  create table if not exists ${leaseTable} (
    id text collate "C" primary key, holder text not null, verb text not null, ends_at timestamptz not null
  );
  create table if not exists ${formerTenantTable} (
    id text collate "C" not null, created_at timestamptz not null, isolation text not null,
    server text collate "C" not null, database text collate "C" not null, schema text collate "C" not null, role text collate "C" not null,
    primary key (server, database, schema, id, created_at)
  )`;

/** Runs a query on internal tables, and creates them first where an earlier version has made central. */
export async function withInternalTables<R>(query: () => Promise<R>, create: () => Promise<unknown>): Promise<R> {
  try {
    return await query();
  } catch (error) {
    if (codeOf(error) !== sqlState.undefinedTable) throw error;
    await create();
    return query();
  }
}

function inCentral(table: string): string {
  return `${quoteName(centralSchema)}.${quoteName(table)}`;
}
