import { TenancyError } from '@omnitenant/core';
import type { Pools } from '../../connections/pools.ts';
import type { OrmPlacement } from '../../placement/placement.ts';
import type { SharedPlacement } from '../../placement/shared-placement.ts';
import { type RowRoles, rowRoles, rowsMark } from '../../placement/shared-tables.ts';
import type { Database } from '../../sql/client.ts';
import { quoteName, quoteText } from '../../sql/quote.ts';
import { markOfSchema } from '../marks.ts';
import { isSame } from '../storage.ts';
import { asOwner, createFormerTenants } from './former-tenants.ts';

/** A schema whose tenants share its tables, and where its server is. */
export type SharedSchema = Pick<SharedPlacement, 'role'> & OrmPlacement & Database;

/** Makes the roles and the schema, or finds those that were made for this application. */
export async function prepare(pools: Pools, placement: SharedSchema, central: Database): Promise<void> {
  const found = await markOfSchema(pools, placement);
  const mark = rowsMark(central.database);
  if (found && !isMarked(found.owner, mark, isSame(placement, central))) throw isForeign(placement, found.owner);
  const roles = await rolesOf(pools, placement, mark);
  await pools.query(
    placement,
    [
      lockOf(placement),
      ...roles,
      `create schema if not exists ${quoteName(placement.schema)} authorization ${quoteName(rowRoles(placement).owner)}`,
      ...schemaSql(placement, mark),
    ].join(';\n'),
  );
}

/** SQL with which one process at a time makes or takes a shared schema. */
export function lockOf({ schema }: OrmPlacement): string {
  return `select pg_advisory_xact_lock(hashtextextended(${quoteText(`omnitenant:rows:${schema}`)}, 0))`;
}

/** SQL that marks the schema, and makes what all of them have. The transaction is the owner's afterwards. */
export function schemaSql(placement: SharedSchema, mark: string): string[] {
  const { tenants, changes } = rowRoles(placement);
  const schema = quoteName(placement.schema);
  return [
    asOwner(placement),
    `comment on schema ${schema} is ${quoteText(mark)}`,
    `revoke all on schema ${schema} from public`,
    `grant usage on schema ${schema} to ${quoteName(tenants)}, ${quoteName(changes)}`,
    'alter default privileges revoke execute on functions from public',
    ...createFormerTenants(placement),
  ];
}

/** Whether a comment says that the schema was made for this application's shared tables. */
export function isMarked(comment: string | undefined, mark: string, inCentral: boolean): boolean {
  return comment === mark || (inCentral && comment?.startsWith(rowsMark('')) === true);
}

/**
 * The SQL that makes the roles that are not there.
 *
 * @throws PROVISION_FAILED where one of them is somebody else's, CONFIG_INVALID where the login may not make them.
 */
export async function rolesOf(pools: Pools, placement: SharedSchema, mark: string): Promise<string[]> {
  const { foreign, sql, mayCreate, login } = await missingRoles(pools, placement, mark);
  if (foreign) {
    throw new TenancyError(
      'PROVISION_FAILED',
      `The role "${foreign}" exists, and was not made for the shared tables of this application. Choose another with the option names.role.`,
    );
  }
  if (sql.length === 0 || mayCreate) return sql;
  throw new TenancyError(
    'CONFIG_INVALID',
    `Isolation "row" needs four roles, and the login "${login}" may not create roles. Have them made once, by: ${sql.join('; ')}`,
  );
}

/** The roles of a shared schema that are not there. */
interface MissingRoles {
  readonly login: string;
  readonly mayCreate: boolean;
  /** Roles of these names that are somebody else's. */
  readonly foreign: string | null;
  /** What makes those that are not there, and lets the login become them. */
  readonly sql: string[];
}

export async function missingRoles(pools: Pools, placement: SharedSchema, mark: string): Promise<MissingRoles> {
  const roles = rowRoles(placement);
  const names = Object.values(roles).map(quoteText).join(', ');
  const [found] = await pools.query(
    placement,
    `select rolname as login, rolsuper as super, rolcreaterole or rolsuper as "mayCreate",
      (select count(*) from pg_roles where rolname in (${names})) = 4 as there,
      (select string_agg(rolname, ', ') from pg_roles r where rolname in (${names})
        and shobj_description(r.oid, 'pg_authid') is distinct from ${quoteText(mark)}) as foreign
     from pg_roles where rolname = current_user`,
  );
  const { login, super: isSuper, mayCreate, there, foreign } = found as Record<string, unknown> & MissingRoles;
  const sql = there ? [] : rolesSql(roles, mark, isSuper ? undefined : quoteName(login));
  return { login, mayCreate, foreign, sql };
}

/** The statements that make the roles, where they are not there, and let a login become them. */
function rolesSql({ tenants, owner, changes, login }: RowRoles, mark: string, member: string | undefined): string[] {
  const make = (role: string) =>
    `do $role$ begin create role ${quoteName(role)} nologin noinherit; comment on role ${quoteName(role)} is ${quoteText(mark)}; ` +
    'exception when duplicate_object or unique_violation then null; end $role$';
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

function isForeign({ schema }: OrmPlacement, comment: string | undefined): TenancyError {
  return new TenancyError(
    'PROVISION_FAILED',
    `The schema "${schema}" exists, and was not made for the tenants that share tables${comment ? ` (it bears the comment "${comment}")` : ''}. ` +
      'If its tables are to be shared, run: omnitenant take-over. Else choose another with the option names.rows.',
  );
}
