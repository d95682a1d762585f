import { quoteName } from '../pin.ts';
import { placementOf } from '../placement.ts';
import type { Pools } from '../pools.ts';
import { authorization, createRole, dropRole } from './role.ts';
import { notOwned, ownerMark, type TenantStorage, takenOr } from './storage.ts';

/** Isolation `schema`: a schema of its own in a database that tenants share. */
export const schemaStorage = (pools: Pools): TenantStorage => ({
  create: async (tenant) => {
    const placement = placementOf(tenant);
    const schema = quoteName(placement.schema);
    try {
      await pools.query(
        placement,
        `${createRole(placement, tenant)}; create schema ${schema}${authorization(placement)};
         comment on schema ${schema} is '${ownerMark(tenant)}'`,
      );
    } catch (error) {
      throw takenOr(error, tenant, placement);
    }
  },
  destroy: async (tenant) => {
    const placement = placementOf(tenant);
    const [found] = await pools.query(
      placement,
      `select obj_description(oid, 'pg_namespace') as owner from pg_namespace where nspname = '${placement.schema}'`,
    );
    if (!found) return dropRole(pools, placement, placement, tenant);
    if (found['owner'] !== ownerMark(tenant)) throw notOwned(tenant, 'schema', placement.schema);
    // A transaction that somebody has left open in it must not hold the removal, nor all that would wait behind it.
    await pools.query(placement, `set local lock_timeout to '10s'; drop schema ${quoteName(placement.schema)} cascade`);
    await dropRole(pools, placement, placement, tenant);
  },
});
