import type { Pools } from '../../connections/pools.ts';
import { rowRoles, rowsMark } from '../../placement/shared-tables.ts';
import type { Database } from '../../sql/client.ts';
import { quoteName } from '../../sql/quote.ts';
import { markOfSchema } from '../marks.ts';
import { isSame } from '../storage.ts';
import { catalogueQuery, readCatalogue } from './catalogue.ts';
import { isMarked, missingRoles, type SharedSchema } from './prepare.ts';
import { describeRequirement } from './protect.ts';
import { requirementsOf, stepsOf } from './requirements.ts';

/** What is wrong with a shared schema. */
export interface RowFindings {
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
  logTable: string,
): Promise<RowFindings> {
  const { sql } = await missingRoles(pools, placement, rowsMark(central.database));
  if (sql.length > 0) {
    return { open: ['one of its roles is not there'], closed: [], sql };
  }
  const roles = rowRoles(placement);
  const catalogue = readCatalogue(await pools.query(placement, catalogueQuery(placement)));
  if (!catalogue) return { open: ['the schema is not there'], closed: [], sql: [] };
  const requirements = requirementsOf(catalogue, { schema: placement.schema, roles, logTable });
  const describe = (isOpen: boolean) => requirements.filter(({ open }) => open === isOpen).map(describeRequirement);
  const steps = stepsOf(requirements);
  const asOwner = `begin; set local role ${quoteName(roles.owner)}; set local search_path to ${quoteName(placement.schema)}`;
  return {
    open: describe(true),
    closed: describe(false),
    sql: [
      ...requirements.flatMap(({ remedy }) => (remedy === undefined ? [] : [remedy])),
      ...(steps.length === 0 ? [] : [`${asOwner}; ${steps.join('; ')}; commit`]),
    ],
  };
}

/** What stands against the first tenant of a shared schema. */
export async function examineUnused(pools: Pools, placement: SharedSchema, central: Database): Promise<RowFindings> {
  const mark = rowsMark(central.database);
  const found = await markOfSchema(pools, placement);
  if (found && !isMarked(found.owner, mark, isSame(placement, central))) {
    return { open: [], closed: ['it was not made for tenants that share tables: run omnitenant take-over'], sql: [] };
  }
  const { login, mayCreate, foreign, sql } = await missingRoles(pools, placement, mark);
  if (foreign) return { open: [], closed: [`the role "${foreign}" exists, and was not made for it`], sql: [] };
  if (mayCreate || sql.length === 0) return { open: [], closed: [], sql: [] };
  const closed = [`its first tenant needs four roles, and the login "${login}" may not create roles`];
  return { open: [], closed, sql };
}
