import { TenancyError } from '@omnitenant/core';
import type { Pools } from '../../connections/pools.ts';
import type { OrmPlacement } from '../../placement/placement.ts';
import type { RowWall } from '../../placement/row-login.ts';
import type { SharedPlacement } from '../../placement/shared-placement.ts';
import { ownRows, type RowRoles, rowRoles, rowsMark, verifiedTenant } from '../../placement/shared-tables.ts';
import { type Database, lastOf, type SqlClient } from '../../sql/client.ts';
import { quoteName, quoteText } from '../../sql/quote.ts';
import { withoutTimeLimits } from '../../sql/time-limits.ts';
import { markOfSchema } from '../marks.ts';
import { isSame } from '../storage.ts';
import { asOwner, createFormerTenants, createReference } from './former-tenants.ts';
import { ownFunctionsSql } from './own-functions.ts';
import { createSecrets, dbaLoginSql, loginSql, putSecrets } from './wall.ts';

/** A schema whose tenants share its tables, and where its server is. */
export type SharedSchema = Pick<SharedPlacement, 'role'> & OrmPlacement & Database;

/** Makes the roles and the schema, or finds those that were made for this application. */
export async function prepare(
  pools: Pools,
  placement: SharedSchema,
  central: Database,
  wall: RowWall | undefined,
): Promise<void> {
  const found = await markOfSchema(pools, placement);
  const mark = rowsMark(central.database);
  if (found && !isMarked(found.owner, mark, isSame(placement, central))) throw isForeign(placement, found.owner);
  const roles = await rolesOf(pools, placement, mark, wall);
  const client = await pools.connect(placement);
  try {
    await client.query(
      [
        'begin',
        withoutTimeLimits(),
        lockOf(placement),
        ...roles,
        `create schema if not exists ${quoteName(placement.schema)} authorization ${quoteName(rowRoles(placement).owner)}`,
      ].join(';\n'),
    );
    await shareSchema(client, placement, { mark, wall });
    await client.query('commit');
  } finally {
    client.release();
  }
}

/** SQL with which one process at a time makes or takes a shared schema. */
export function lockOf(placement: OrmPlacement): string {
  return `select pg_advisory_xact_lock(${lockKey(placement)})`;
}

/** SQL for the number of that lock. */
export function lockKey({ schema }: OrmPlacement): string {
  return `hashtextextended(${quoteText(`omnitenant:rows:${schema}`)}, 0)`;
}

/**
 * Marks the schema, and makes what all of them have, in a transaction, which is the owner's afterwards. Tenants that are verified stay so,
 * also where this process has no keys.
 */
export async function shareSchema(
  client: SqlClient,
  placement: SharedSchema,
  { mark, wall }: { readonly mark: string; readonly wall: RowWall | undefined },
): Promise<void> {
  const { rows } = lastOf(
    await client.query(
      `select exists (select from pg_proc f join pg_namespace n on n.oid = f.pronamespace
        where n.nspname = ${quoteText(placement.schema)} and f.proname = '${verifiedTenant}') as verified`,
    ),
  );
  const verifies = wall !== undefined || rows[0]?.['verified'] === true;
  await client.query(schemaSql(placement, mark, verifies).join(';\n'));
  if (wall) await putSecrets((sql, values) => client.query(sql, values), placement, wall.secretsOf(placement));
}

function schemaSql(placement: SharedSchema, mark: string, verifies: boolean): string[] {
  const { tenants, changes } = rowRoles(placement);
  const schema = quoteName(placement.schema);
  return [
    asOwner(placement),
    `comment on schema ${schema} is ${quoteText(mark)}`,
    `revoke all on schema ${schema} from public`,
    `grant usage on schema ${schema} to ${quoteName(tenants)}, ${quoteName(changes)}`,
    'alter default privileges revoke execute on functions from public',
    createFormerTenants(placement),
    ...(verifies ? createSecrets(placement) : []),
    ...ownFunctionsSql({ schema: placement.schema, roles: rowRoles(placement) }, verifies),
    ...createReference(placement, ownRows(placement.schema, verifies)),
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
export async function rolesOf(
  pools: Pools,
  placement: SharedSchema,
  mark: string,
  wall: RowWall | undefined,
): Promise<string[]> {
  const { foreign, sql, mayCreate, login, canLogIn, mayAlter } = await missingRoles(pools, placement, mark);
  if (foreign) {
    throw new TenancyError(
      'PROVISION_FAILED',
      `The role "${foreign}" exists, and was not made for the shared tables of this application. Choose another with the option names.role.`,
    );
  }
  const needsLogin = wall !== undefined && !canLogIn;
  if (needsLogin && mayAlter) return [...sql, ...(await loginSql(rowRoles(placement), wall))];
  if (needsLogin) throw mayNotLogIn(rowRoles(placement), login, sql);
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
  /** Whether the tenants' role can log in, and whether the login may let it. */
  readonly canLogIn: boolean;
  readonly mayAlter: boolean;
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
      (select count(*) from pg_roles where rolname in (${names})) = 4 and exists (select from pg_roles o, pg_roles c
        where o.rolname = ${quoteText(roles.owner)} and c.rolname = ${quoteText(roles.changes)} and pg_has_role(o.oid, c.oid, 'usage')) as there,
      exists (select from pg_roles where rolname = ${quoteText(roles.tenants)} and rolcanlogin) as "canLogIn",
      rolsuper or rolcreaterole and (current_setting('server_version_num')::int < 160000 or not exists (select from pg_roles t
        where t.rolname = ${quoteText(roles.tenants)} and not pg_has_role(current_user, t.oid, 'member with admin option'))) as "mayAlter",
      (select string_agg(rolname, ', ') from pg_roles r where rolname in (${names})
        and shobj_description(r.oid, 'pg_authid') is distinct from ${quoteText(mark)}) as foreign
     from pg_roles where rolname = current_user`,
  );
  const {
    login,
    super: isSuper,
    mayCreate,
    there,
    foreign,
    canLogIn,
    mayAlter,
  } = found as Record<string, unknown> & MissingRoles;
  const sql = there ? [] : rolesSql(roles, mark, isSuper ? undefined : quoteName(login));
  return { login, mayCreate, foreign, canLogIn, mayAlter, sql };
}

function mayNotLogIn({ tenants }: RowRoles, login: string, sql: readonly string[]): TenancyError {
  return new TenancyError(
    'CONFIG_INVALID',
    `The option rows needs a role of the tenants that can log in, and the login "${login}" may not let one. Have this run once: ` +
      `${[...sql, ...dbaLoginSql(tenants)].join('; ')}. Then give the role the password of rows.password, as with \\password "${tenants}" in psql.`,
  );
}

/** The statements that make the roles, where they are not there, and let a login become them. */
function rolesSql({ tenants, owner, changes, login }: RowRoles, mark: string, member: string | undefined): string[] {
  const make = (role: string) =>
    `do $role$ begin create role ${quoteName(role)} nologin noinherit; comment on role ${quoteName(role)} is ${quoteText(mark)}; ` +
    'exception when duplicate_object or unique_violation then null; end $role$';
  return [
    ...[tenants, owner, changes, login].map(make),
    // A function that a foreign key's action calls is given to the role that changes rows, and stays the owner's to replace.
    `alter role ${quoteName(owner)} inherit`,
    `grant ${quoteName(changes)} to ${quoteName(owner)}`,
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
      'To share its tables, run: omnitenant take-over. Otherwise choose another schema with the option names.rows.',
  );
}
