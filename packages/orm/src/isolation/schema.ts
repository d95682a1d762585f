import type { Pools } from '../connections/pools.ts';
import { type OrmPlacement, placementOf } from '../placement/placement.ts';
import { pinOf } from '../session/pinned-pool.ts';
import type { Database } from '../sql/client.ts';
import { quoteName } from '../sql/quote.ts';
import { authorization, createRole, dropRole } from './role.ts';
import {
  adoptedMark,
  isAdoptable,
  isSame,
  leaveAlone,
  notAdoptable,
  ownerMark,
  type TenantStorage,
  takenOr,
} from './storage.ts';

/** Isolation `schema`: a schema of its own in a database that tenants share. */
export function schemaStorage(pools: Pools, central: Database): TenantStorage {
  return {
    create: async (tenant, contents) => {
      const placement = placementOf(tenant);
      const schema = quoteName(placement.schema);
      const filled = isSame(placement, central) ? contents : undefined;
      try {
        // One message, and so one transaction: all of it is there, or nothing.
        await pools.query(
          placement,
          [
            createRole(placement, tenant),
            `create schema ${schema}${authorization(placement)}`,
            `comment on schema ${schema} is '${ownerMark(tenant)}'`,
            ...(filled ? [filled.record(tenant), ...pinOf(placement), ...filled.statements] : []),
          ].join(';\n'),
        );
        return filled ? 'recorded' : 'empty';
      } catch (error) {
        throw takenOr(error, tenant, placement);
      }
    },
    adopt: async (tenant) => {
      const placement = placementOf(tenant);
      const found = await ownerOf(pools, placement);
      if (!isAdoptable(found, tenant)) throw notAdoptable(tenant, 'schema', placement.schema, found?.owner);
      await pools.query(placement, `comment on schema ${quoteName(placement.schema)} is '${adoptedMark(tenant)}'`);
    },
    destroy: async (tenant) => {
      const placement = placementOf(tenant);
      const found = await ownerOf(pools, placement);
      if (found?.['owner'] === adoptedMark(tenant)) {
        // One that failed may still be forgotten, which gives it back; it is not made anew.
        if (tenant.status !== 'failed')
          await pools.query(placement, `comment on schema ${quoteName(placement.schema)} is null`);
        return;
      }
      if (!found) return dropRole(pools, placement, placement, tenant);
      if (found['owner'] !== ownerMark(tenant)) return leaveAlone(tenant, 'schema', placement.schema);
      // A transaction that somebody has left open in it must not hold the removal, nor all that would wait behind it.
      await pools.query(
        placement,
        `set local lock_timeout to '10s'; drop schema ${quoteName(placement.schema)} cascade`,
      );
      await dropRole(pools, placement, placement, tenant);
    },
  };
}

async function ownerOf(pools: Pools, placement: OrmPlacement): Promise<{ owner?: string } | undefined> {
  const [found] = await pools.query(
    placement,
    `select obj_description(oid, 'pg_namespace') as owner from pg_namespace where nspname = '${placement.schema}'`,
  );
  return found;
}
