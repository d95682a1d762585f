import { TenancyError, type Tenant } from '@omnitenant/core';
import type { Pools } from '../connections/pools.ts';
import { placementOf } from '../placement/placement.ts';
import { quoteText } from '../sql/quote.ts';
import { markPrefix } from './marks.ts';

/**
 * Refuses to own, or to drop, a database in which other tenants have schemas.
 *
 * @throws PROVISION_FAILED or REMOVE_FAILED
 */
export async function refuseOthersSchemas(
  pools: Pools,
  tenant: Tenant,
  code: 'PROVISION_FAILED' | 'REMOVE_FAILED',
): Promise<void> {
  const placement = placementOf(tenant);
  const others = await pools.query(
    placement,
    `select nspname as name from pg_namespace where starts_with(obj_description(oid, 'pg_namespace'), ${quoteText(markPrefix)})
     order by nspname limit 5`,
  );
  if (others.length === 0) return;
  const names = others.map(({ name }) => `"${name}"`).join(', ');
  throw new TenancyError(
    code,
    `The database "${placement.database}" cannot be the own one of tenant "${tenant.id}": others have schemas in it (${names}). ` +
      'It was left alone. Remove or move those tenants first.',
    { tenant: tenant.id },
  );
}

/**
 * SQL that fails in a database that is one tenant's own: it would be dropped with that tenant.
 *
 * The error has the message `omnitenant: own database`.
 */
export const refuseOwnDatabase: string = `do $own$ begin
  if exists (select from pg_database where datname = current_database()
    and (shobj_description(oid, 'pg_database') ~ '^${markPrefix} (adopted by )?tenant '))
  then raise exception '${markPrefix} own database'; end if; end $own$`;

/** The error to throw where `refuseOwnDatabase` has failed, or the error itself. */
export function ownDatabaseOr(error: unknown, tenant: Tenant): unknown {
  if ((error as Error | undefined)?.message !== `${markPrefix} own database`) return error;
  const { database } = placementOf(tenant);
  return new TenancyError(
    'PROVISION_FAILED',
    `The database "${database}" is another tenant's own, and would be dropped with it; tenant "${tenant.id}" cannot be placed there. Choose another placement.`,
    { tenant: tenant.id, cause: error },
  );
}
