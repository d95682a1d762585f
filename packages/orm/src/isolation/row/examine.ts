import type { Pools } from '../../connections/pools.ts';
import type { RowWall } from '../../placement/row-login.ts';
import { rowRoles, rowsMark } from '../../placement/shared-tables.ts';
import type { Database } from '../../sql/client.ts';
import { sqlState } from '../../sql/error-codes.ts';
import { quoteName } from '../../sql/quote.ts';
import { markOfSchema } from '../marks.ts';
import { isSame } from '../storage.ts';
import { catalogueQuery, readCatalogue } from './catalogue.ts';
import { refusalOf, tryLogin } from './login.ts';
import { isMarked, missingRoles, type SharedSchema } from './prepare.ts';
import { describeRequirement } from './protect.ts';
import { requirementsOf, stepsOf } from './requirements.ts';
import { dbaLoginSql } from './wall.ts';

/** What is wrong with a shared schema. */
export interface RowFindings {
  /** Whether its tenants have a login of their own, which holds against hostile SQL. */
  readonly wall: 'on' | 'off';
  /** What a tenant could reach and must not. */
  readonly open: readonly string[];
  /** What else is not as it should be. */
  readonly closed: readonly string[];
  /** The SQL that puts it right, as far as it can be said. */
  readonly sql: readonly string[];
}

/** Looks at everything that keeps the tenants of a shared schema apart, and says how it is put right. */
export async function examineRows(
  pools: Pools,
  placement: SharedSchema,
  central: Database,
  { logTable, wall }: { readonly logTable: string; readonly wall: RowWall | undefined },
): Promise<RowFindings> {
  const { sql } = await missingRoles(pools, placement, rowsMark(central.database));
  if (sql.length > 0) {
    return { wall: 'off', open: ['one of its roles is missing'], closed: [], sql };
  }
  const roles = rowRoles(placement);
  const catalogue = readCatalogue(await pools.query(placement, catalogueQuery(placement)));
  if (!catalogue) return { wall: 'off', open: ['the schema is missing'], closed: [], sql: [] };
  const requirements = requirementsOf(catalogue, {
    schema: placement.schema,
    roles,
    logTable,
    hasLogin: wall !== undefined,
  });
  const describe = (isOpen: boolean) => requirements.filter(({ open }) => open === isOpen).map(describeRequirement);
  const steps = stepsOf(requirements);
  const asOwner = `begin; set local role ${quoteName(roles.owner)}; set local search_path to ${quoteName(placement.schema)}`;
  const login = wall && (await examineLogin(pools, placement, wall));
  return {
    wall: login && login.open.length === 0 ? 'on' : 'off',
    open: [...describe(true), ...(login?.open ?? [])],
    closed: [...describe(false), ...(login?.closed ?? [])],
    sql: [
      ...(login?.sql ?? []),
      ...requirements.flatMap(({ remedy }) => (remedy === undefined ? [] : [remedy])),
      ...(steps.length === 0 ? [] : [`${asOwner}; ${steps.join('; ')}; commit`]),
    ],
  };
}

/** What the tenants' login finds, and what a database administrator has to do about it. */
async function examineLogin(pools: Pools, placement: SharedSchema, wall: RowWall): Promise<Omit<RowFindings, 'wall'>> {
  const [login, ...hiding] = dbaLoginSql(placement.role);
  try {
    const { seesStatements, logsValues, resets } = await tryLogin(pools, placement, wall);
    const closed = [
      ...(seesStatements
        ? ['its tenants can read the texts of statements that others of them run at that moment']
        : []),
      ...(logsValues
        ? [
            "the server's log has the values of statements, and so the proofs of its tenants: anyone who reads it can use them",
          ]
        : []),
      ...(resets.length > 0
        ? ['its sessions begin with settings that somebody gave the login, which any of its tenants could']
        : []),
    ];
    return { open: [], closed, sql: [...(seesStatements || logsValues ? hiding : []), ...resets] };
  } catch (error) {
    const refusal = refusalOf(error);
    const open = [
      `its tenants' login "${placement.role}" does not get there: ${refusal.message}. Run omnitenant take-over, or give it its password`,
    ];
    const mayNotLogIn = (refusal as { code?: string }).code === sqlState.invalidAuthorization;
    return { open, closed: [], sql: mayNotLogIn && login !== undefined ? [login, ...hiding] : [] };
  }
}

/** What stands against the first tenant of a shared schema. */
export async function examineUnused(
  pools: Pools,
  placement: SharedSchema,
  central: Database,
  wall: RowWall | undefined,
): Promise<RowFindings> {
  const mark = rowsMark(central.database);
  const found = await markOfSchema(pools, placement);
  if (found && !isMarked(found.owner, mark, isSame(placement, central))) {
    return {
      wall: 'off',
      open: [],
      closed: ['it was not made for tenants that share tables: run omnitenant take-over'],
      sql: [],
    };
  }
  const { login, mayCreate, foreign, sql, canLogIn, mayAlter } = await missingRoles(pools, placement, mark);
  if (foreign)
    return { wall: 'off', open: [], closed: [`the role "${foreign}" exists, and was not made for it`], sql: [] };
  const roles = mayCreate ? [] : sql;
  const logins = wall && !canLogIn && !mayAlter ? dbaLoginSql(placement.role) : [];
  const closed = [
    ...(roles.length > 0 ? [`its first tenant needs four roles, and the login "${login}" may not create roles`] : []),
    ...(logins.length > 0
      ? [`its tenants are to have a login of their own, and the login "${login}" may not let them`]
      : []),
  ];
  return { wall: 'off', open: [], closed, sql: [...roles, ...logins] };
}
