import { TenancyError, type Tenant } from '@omnitenant/core';
import { incarnationOf } from '@omnitenant/core/extend';
import type { Pools } from '../../connections/pools.ts';
import { type OrmPlacement, tenantSetting } from '../../placement/placement.ts';
import { type SharedPlacement, sharedPlacement } from '../../placement/shared-placement.ts';
import {
  currentTenant,
  formerTenants,
  inSchema,
  type RowRoles,
  rowRoles,
  rowsMark,
  tenantColumn,
  tenantPolicy,
} from '../../placement/shared-tables.ts';
import type { Database } from '../../sql/client.ts';
import { codeOf, sqlState } from '../../sql/error-codes.ts';
import { quoteName, quoteText } from '../../sql/quote.ts';
import { isSame, type TenantStorage } from '../storage.ts';
import { catalogueQuery, readCatalogue } from './catalogue.ts';
import { holdsTenants } from './requirements.ts';

/**
 * Isolation `row`: the tenants of one schema share its tables, and PostgreSQL's row-level security keeps their rows apart. The schema
 * and its roles are made once; a tenant itself needs nothing made.
 */
export function rowStorage(pools: Pools, central: Database): TenantStorage {
  return {
    create: async (tenant) => {
      const placement = sharedPlacement(tenant);
      const { used } = (await stateOf(pools, placement)) ?? (await prepare(pools, placement, central));
      // One that failed and is repaired is the same tenant still.
      if (used.some(({ key, incarnation }) => key === placement.key && incarnation !== incarnationOf(tenant))) {
        throw isUsed(tenant);
      }
      return 'empty';
    },
    adopt: async ({ id }) => {
      throw new TenancyError(
        'PROVISION_FAILED',
        `The tenant "${id}" is of isolation "row", which keeps rows in shared tables: there is nothing to adopt. Create the tenant instead.`,
        { tenant: id },
      );
    },
    destroy: async (tenant) => destroyRows(pools, tenant),
  };
}

interface SchemaState {
  /** The keys that a tenant with this id has had before. */
  readonly used: readonly { readonly key: string; readonly incarnation: string }[];
}

/** The keys that were used before; `undefined` where the schema or a role is not there yet. */
async function stateOf(pools: Pools, placement: SharedPlacement): Promise<SchemaState | undefined> {
  try {
    const rows = await pools.query(
      placement,
      `${asOwner(placement)}; ${formerKeys(placement, placement.key.replace(/~.*/, ''))}`,
    );
    return { used: rows as unknown as SchemaState['used'] };
  } catch (error) {
    if (isNotThere(error)) return undefined;
    throw error;
  }
}

function asOwner(placement: OrmPlacement): string {
  return `set local role ${quoteName(rowRoles(placement).owner)}`;
}

function formerKeys(placement: OrmPlacement, id: string): string {
  return `select ${tenantColumn} as key, incarnation from ${inSchema(placement, formerTenants)} where id = ${quoteText(id)}`;
}

/** What PostgreSQL says where a schema, a table or a role is missing. */
function isNotThere(error: unknown): boolean {
  const missing: string[] = [sqlState.undefinedSchema, sqlState.undefinedTable, sqlState.invalidParameterValue];
  return missing.includes(codeOf(error));
}

/**
 * The key of a new tenant: its id, or where a tenant with that id was removed, the id and a number. Whoever still holds the record of
 * a removed tenant finds none of its successor's rows.
 */
export async function nextKey(pools: Pools, placement: OrmPlacement, id: string): Promise<string> {
  try {
    const former = await pools.query(placement, `${asOwner(placement)}; ${formerKeys(placement, id)}`);
    return former.length === 0 ? id : `${id}~${former.length + 1}`;
  } catch (error) {
    if (isNotThere(error)) return id;
    throw error;
  }
}

/** The migrations that a shared schema has, by its log; `undefined` where there is none yet. */
export async function appliedRows(
  pools: Pools,
  placement: OrmPlacement & Database,
  logTable: string,
): Promise<readonly string[] | undefined> {
  try {
    const log = `select name from ${inSchema(placement, logTable)} order by id`;
    const rows = await pools.query(placement, `${asOwner(placement)}; ${log}`);
    return rows.map(({ name }) => String(name).replace(/\.[jt]s$/, ''));
  } catch (error) {
    if (isNotThere(error)) return undefined;
    throw error;
  }
}

function isUsed({ id }: Tenant): TenancyError {
  return new TenancyError(
    'PROVISION_FAILED',
    `A tenant "${id}" was being removed while this one was created, and its key in shared tables is used. Create the tenant again.`,
    { tenant: id },
  );
}

/** Makes the roles and the schema, or finds those that were made for this application. */
async function prepare(pools: Pools, placement: SharedPlacement, central: Database): Promise<SchemaState> {
  const mark = rowsMark(central.database);
  const former = inSchema(placement, formerTenants);
  const roles = rowRoles(placement);
  const [found] = await pools.query(
    placement,
    `select obj_description(n.oid, 'pg_namespace') as mark, pg_get_userbyid(n.nspowner) as owner from pg_namespace n where nspname = ${quoteText(placement.schema)}`,
  );
  if (found && !isMarked(found['mark'], mark, isSame(placement, central))) throw isForeign(placement, found['mark']);
  const [login] = await pools.query(
    placement,
    `select rolname as name, rolsuper as super, rolcreaterole or rolsuper as "mayCreateRoles",
      (select count(*) from pg_roles where rolname in (${Object.values(roles).map(quoteText).join(', ')})) = 4 as there,
      (select string_agg(rolname, ', ') from pg_roles r where rolname in (${Object.values(roles).map(quoteText).join(', ')})
        and shobj_description(r.oid, 'pg_authid') is distinct from ${quoteText(mark)}) as foreign
     from pg_roles where rolname = current_user`,
  );
  if (login?.['foreign']) {
    throw new TenancyError(
      'PROVISION_FAILED',
      `The role "${login['foreign']}" exists, and was not made for the shared tables of this application. Choose another with the option names.role.`,
    );
  }
  if (!login?.['there'] && !login?.['mayCreateRoles'])
    throw mayNotCreateRoles(placement, mark, String(login?.['name']));
  await pools.query(
    placement,
    [
      // Two that make it at once would both find that it is not there, and one of them would fail.
      `select pg_advisory_xact_lock(hashtextextended(${quoteText(`omnitenant:rows:${placement.schema}`)}, 0))`,
      ...(login?.['there'] ? [] : rolesSql(roles, mark, login?.['super'] ? undefined : 'current_user')),
      `create schema if not exists ${quoteName(placement.schema)} authorization ${quoteName(roles.owner)}`,
      asOwner(placement),
      `comment on schema ${quoteName(placement.schema)} is ${quoteText(mark)}`,
      `revoke all on schema ${quoteName(placement.schema)} from public`,
      `grant usage on schema ${quoteName(placement.schema)} to ${quoteName(roles.tenants)}, ${quoteName(roles.changes)}`,
      'alter default privileges revoke execute on functions from public',
      `create table if not exists ${former} (id text not null, incarnation text not null, ${tenantColumn} text primary key default ${currentTenant})`,
      `alter table ${former} enable row level security`,
      `drop policy if exists omnitenant on ${former}`,
      tenantPolicy(former),
    ].join(';\n'),
  );
  return { used: [] };
}

function isMarked(found: unknown, mark: string, inCentral: boolean): boolean {
  return found === mark || (inCentral && typeof found === 'string' && found.startsWith(rowsMark('')));
}

/** The statements that make the roles, where they are not there. */
function rolesSql({ tenants, owner, changes, login }: RowRoles, mark: string, member: string | undefined): string[] {
  const make = (role: string) =>
    `do $role$ begin create role ${quoteName(role)} nologin noinherit; comment on role ${quoteName(role)} is ${quoteText(mark)};
     exception when duplicate_object or unique_violation then null; end $role$`;
  return [
    ...[tenants, owner, changes, login].map(make),
    ...(member === undefined
      ? []
      : [
          `grant ${[tenants, owner, changes].map(quoteName).join(', ')} to ${quoteName(login)}`,
          `grant ${quoteName(login)} to ${member}`,
        ]),
  ];
}

function isForeign({ schema }: OrmPlacement, mark: unknown): TenancyError {
  return new TenancyError(
    'PROVISION_FAILED',
    `The schema "${schema}" exists, and was not made for the tenants that share tables${typeof mark === 'string' ? ` (it bears the comment "${mark}")` : ''}. ` +
      'Drop it, or choose another with the option names.rows.',
  );
}

function mayNotCreateRoles(placement: OrmPlacement, mark: string, login: string): TenancyError {
  const sql = rolesSql(rowRoles(placement), mark, quoteName(login)).join('; ').replaceAll(/\s+/g, ' ');
  return new TenancyError(
    'CONFIG_INVALID',
    `Isolation "row" needs four roles, and the login "${login}" may not create roles. Have them made once, by: ${sql}`,
  );
}

/**
 * Deletes a tenant's rows, and what triggers have written meanwhile, and remembers its key. Row-level security binds what triggers do.
 *
 * @throws REMOVE_FAILED where a table keeps rows.
 */
async function destroyRows(pools: Pools, tenant: Tenant): Promise<void> {
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
  const tables = catalogue.relations.filter(holdsTenants);
  const own = `${tenantColumn} = ${quoteText(key)}`;
  // One statement, so that foreign keys are looked at when all rows are gone.
  const deletions = tables.map(({ name }, n) =>
    `d${n} as (delete from only ${name} where ${own})`.replace('only ', ''),
  );
  const left = tables.map(({ name }) => `exists (select from ${name} where ${own})`).join(' or ');
  for (let round = 0; ; round += 1) {
    const rows = await pools.query(
      placement,
      [
        `set local search_path to ${quoteName(placement.schema)}, pg_temp`,
        `set local role ${quoteName(rowRoles(placement).changes)}`,
        `set local ${tenantSetting} to ${quoteText(key)}`,
        ...(deletions.length > 0 ? [`with ${deletions.join(', ')} select`] : []),
        // What a deferred trigger writes is written now, and seen.
        'set constraints all immediate',
        asOwner(placement),
        `insert into ${inSchema(placement, formerTenants)} (id, incarnation, ${tenantColumn}) values (${quoteText(tenant.id)}, ${quoteText(incarnationOf(tenant))}, ${quoteText(key)}) on conflict do nothing`,
        `select ${left || 'false'} as "isLeft"`,
      ].join(';\n'),
    );
    if (!rows[0]?.['isLeft']) return;
    if (round === 4) throw keepsRows(tenant, placement);
  }
}

function keepsRows({ id }: Tenant, { schema }: OrmPlacement): TenancyError {
  return new TenancyError(
    'REMOVE_FAILED',
    `Tables of the schema "${schema}" keep rows of the tenant "${id}", as where a trigger or a policy stands against deleting them. Delete ` +
      `them as the owner of the tables, with that trigger disabled, and remove the tenant again.`,
    { tenant: id },
  );
}
