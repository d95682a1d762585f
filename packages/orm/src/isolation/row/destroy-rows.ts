import { TenancyError, type Tenant } from '@omnitenant/core';
import { incarnationOf } from '@omnitenant/core/extend';
import type { Pools } from '../../connections/pools.ts';
import { type OrmPlacement, tenantSetting } from '../../placement/placement.ts';
import { type SharedPlacement, sharedPlacement } from '../../placement/shared-placement.ts';
import { formerTenants, inSchema, rowRoles, tenantColumn } from '../../placement/shared-tables.ts';
import type { QueryResult } from '../../sql/client.ts';
import { codeOf, sqlState } from '../../sql/error-codes.ts';
import { quoteName, quoteText } from '../../sql/quote.ts';
import { catalogueQuery, readCatalogue } from './catalogue.ts';
import { adoptedBy, asOwner, isNotThere, rememberKey } from './former-tenants.ts';
import { waitForWriters } from './own-functions.ts';
import { holdsTenants } from './requirements.ts';

/**
 * Deletes a tenant's rows, and what triggers have written meanwhile, and remembers its key. Row-level security binds what triggers do.
 * Rows that were adopted stay, for who adopts them again.
 *
 * @throws REMOVE_FAILED where a table keeps rows, or a transaction that has used some stays open.
 */
export async function destroyRows(pools: Pools, tenant: Tenant): Promise<void> {
  const placement = sharedPlacement(tenant);
  const { key } = placement;
  let catalogue: ReturnType<typeof readCatalogue>;
  try {
    catalogue = readCatalogue(await pools.query(placement, catalogueQuery(placement)));
  } catch (error) {
    // The first tenant of a schema may be removed before its roles were made.
    if (codeOf(error) === sqlState.undefinedObject) return;
    throw error;
  }
  if (!catalogue) return;
  if (await giveBack(pools, placement, tenant)) return;
  const tables = catalogue.relations.filter(holdsTenants);
  const own = `${tenantColumn} = ${quoteText(key)}`;
  const left = tables.map(({ name }) => `exists (select from ${name} where ${own})`).join(', ');
  let kept = tables;
  for (let round = 0; ; round += 1) {
    // One statement, so that foreign keys are looked at when all rows are gone.
    const deletions = kept.map(({ name }, n) => `d${n} as (delete from ${name} where ${own})`);
    const rows = await alone(pools, tenant, [
      `set local search_path to ${quoteName(placement.schema)}, pg_temp`,
      `set local role ${quoteName(rowRoles(placement).changes)}`,
      `set local ${tenantSetting} to ${quoteText(key)}`,
      ...(deletions.length > 0 ? [`with ${deletions.join(', ')} select`] : []),
      // What a deferred trigger writes is written now, and seen.
      'set constraints all immediate',
      asOwner(placement),
      rememberKey(placement, tenant.id, { key, incarnation: incarnationOf(tenant) }),
      `select array[${left}]::boolean[] as left`,
    ]);
    const isLeft = (rows[0]?.['left'] ?? []) as readonly boolean[];
    // A trigger for the statement writes whether there were rows or not, so only tables with rows are deleted from again.
    kept = tables.filter((_, n) => isLeft[n]);
    if (kept.length === 0) return;
    if (round === 4) throw keepsRows(tenant, placement);
  }
}

/** Leaves a tenant's rows to nobody: no new tenant gets their key but one that adopts them. */
export async function releaseRows(pools: Pools, tenant: Tenant): Promise<void> {
  const placement = sharedPlacement(tenant);
  const { key } = placement;
  await alone(pools, tenant, [
    asOwner(placement),
    rememberKey(placement, tenant.id, { key, incarnation: '' }),
    `update ${inSchema(placement, formerTenants)} set incarnation = '' where ${tenantColumn} = ${quoteText(key)}`,
  ]);
}

/** Sends statements in a transaction in which nobody else writes the tenant's rows. A process that has not heard of the removal may. */
async function alone(pools: Pools, tenant: Tenant, statements: readonly string[]): Promise<QueryResult['rows']> {
  const placement = sharedPlacement(tenant);
  const first = [`set local lock_timeout to '10s'`, waitForWriters(placement, placement.key)];
  try {
    return await pools.query(placement, [...first, ...statements].join(';\n'));
  } catch (error) {
    throw codeOf(error) === sqlState.lockNotAvailable ? stillWritten(tenant, error) : error;
  }
}

/** Whether the tenant has adopted its rows. */
export async function hasAdoptedRows(pools: Pools, tenant: Tenant): Promise<boolean> {
  const placement = sharedPlacement(tenant);
  try {
    const found = await pools.query(
      placement,
      `${asOwner(placement)}; select from ${inSchema(placement, formerTenants)}
        where ${tenantColumn} = ${quoteText(placement.key)} and incarnation = ${quoteText(adoptedBy(tenant))}`,
    );
    return found.length > 0;
  } catch (error) {
    if (isNotThere(error)) return false;
    throw error;
  }
}

/** Leaves rows that the tenant has adopted to nobody; says whether it had. */
async function giveBack(pools: Pools, placement: SharedPlacement, tenant: Tenant): Promise<boolean> {
  const given = await alone(pools, tenant, [
    asOwner(placement),
    `update ${inSchema(placement, formerTenants)} set incarnation = ''
      where ${tenantColumn} = ${quoteText(placement.key)} and incarnation in ('', ${quoteText(adoptedBy(tenant))}) returning 1`,
  ]);
  return given.length > 0;
}

function stillWritten({ id }: Tenant, cause: unknown): TenancyError {
  return new TenancyError(
    'REMOVE_FAILED',
    `A transaction that has used rows of the tenant "${id}" has stayed open for 10 seconds, and nothing more was removed. End it, as with pg_terminate_backend, and remove the tenant again.`,
    { tenant: id, cause },
  );
}

function keepsRows({ id }: Tenant, { schema }: OrmPlacement): TenancyError {
  return new TenancyError(
    'REMOVE_FAILED',
    `Tables of the schema "${schema}" keep rows of the tenant "${id}", as where a trigger or a policy stands against deleting them. Delete ` +
      `them as the owner of the tables, with that trigger disabled, and remove the tenant again.`,
    { tenant: id },
  );
}
