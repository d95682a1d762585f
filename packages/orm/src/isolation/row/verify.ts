import { TenancyError } from '@omnitenant/core';
import type { Pools } from '../../connections/pools.ts';
import type { OrmPlacement } from '../../placement/placement.ts';
import type { RowWall } from '../../placement/row-login.ts';
import { rowRoles } from '../../placement/shared-tables.ts';
import type { Database } from '../../sql/client.ts';
import { codeOf, sqlState } from '../../sql/error-codes.ts';
import { onceEach } from '../once-each.ts';
import { catalogueQuery, readCatalogue } from './catalogue.ts';
import { isRefused, refusalOf, tryLogin } from './login.ts';
import { sentenceOf } from './protect.ts';
import type { Expectation, Requirement } from './requirement.ts';
import { requirementsOf } from './requirements.ts';
import { loginFault } from './wall.ts';

/** Looks once at each shared schema, before the first of its tenants is served. */
export interface RowGate {
  /** Resolves when tenants may be served; `undefined` where that is known already. */
  check(placement: OrmPlacement & Database): Promise<void> | undefined;
}

/** A failed look is taken again with the next statement. */
export function rowGate(pools: Pools, logTable: () => Promise<string>, wall: RowWall | undefined): RowGate {
  return {
    check: onceEach(
      ({ server, database, url, schema, role }) => JSON.stringify([server, database, url, schema, role]),
      (placement: OrmPlacement & Database) => verifyRows(pools, placement, logTable, wall),
    ),
  };
}

/**
 * Refuses a shared schema where the tenants' role can reach what is not protected. Other differences, as in the middle of another
 * process's migration, are nothing that a tenant could see.
 *
 * @throws CONFIG_INVALID
 */
async function verifyRows(
  pools: Pools,
  placement: OrmPlacement & Database,
  logTable: () => Promise<string>,
  wall: RowWall | undefined,
): Promise<void> {
  const requirements = await missing(pools, placement, { logTable: await logTable(), hasLogin: wall !== undefined });
  const open = requirements.filter((requirement) => requirement.open);
  if (open.length === 0) return verifyLogin(pools, placement, wall);
  throw new TenancyError(
    'CONFIG_INVALID',
    `${sentenceOf(placement, open)} Put it right; omnitenant take-over protects what can be protected, and omnitenant doctor prints the SQL for the rest.`,
  );
}

async function verifyLogin(pools: Pools, placement: OrmPlacement & Database, wall: RowWall | undefined): Promise<void> {
  if (wall === undefined) return;
  const { role = '', schema } = placement;
  try {
    await tryLogin(pools, { ...placement, role }, wall);
  } catch (error) {
    if (!isRefused(error)) throw error;
    throw loginFault(role, schema, refusalOf(error));
  }
}

/** All that a shared schema lacks. */
async function missing(
  pools: Pools,
  placement: OrmPlacement & Database,
  expected: Pick<Expectation, 'logTable' | 'hasLogin'>,
): Promise<Requirement[]> {
  const roles = rowRoles(placement);
  const catalogue = readCatalogue(
    await pools.query(placement, catalogueQuery(placement)).catch(withoutRole(placement)),
  );
  if (!catalogue) {
    return [{ on: 'schema', fault: 'it is not there', open: true, steps: [] }];
  }
  return requirementsOf(catalogue, { schema: placement.schema, roles, ...expected });
}

function withoutRole({ role }: OrmPlacement) {
  return (error: unknown): never => {
    if (codeOf(error) !== sqlState.undefinedObject) throw error;
    throw new TenancyError(
      'CONFIG_INVALID',
      `A role of the shared tables is missing: ${(error as Error).message}. Restore "${role}" and those that begin with its name.`,
      { cause: error },
    );
  };
}
