import type { Pools } from '../connections/pools.ts';
import { placementOf } from '../placement/placement.ts';
import { pinOf } from '../session/pin.ts';
import type { FindTenant } from '../session/removed-tenant.ts';
import type { Database } from '../sql/client.ts';
import { quoteName, quoteText } from '../sql/quote.ts';
import { dropSchemaSql } from './drop-schema.ts';
import { markOfSchema, marksOf } from './marks.ts';
import { ownDatabaseOr, refuseOwnDatabase } from './others-schemas.ts';
import { refuseOutsideDependents } from './outside-dependents.ts';
import { authorization, createRole, dropRole } from './role.ts';
import { checkKept, isAdoptable, isSame, keepForOwner, notAdoptable, type TenantStorage, takenOr } from './storage.ts';

/** Isolation `schema`: each tenant has a schema in a shared database. */
export function schemaStorage(pools: Pools, central: Database, extensions: string, find: FindTenant): TenantStorage {
  const marks = marksOf(central);
  const owned = { pools, marks };
  return {
    create: async (tenant, contents) => {
      const placement = placementOf(tenant);
      const schema = quoteName(placement.schema);
      const filled = isSame(placement, central) ? contents : undefined;
      try {
        // One message is one transaction: it creates all of it, or nothing.
        await pools.query(
          placement,
          [
            ...(isSame(placement, central) ? [] : [refuseOwnDatabase]),
            createRole(placement, marks.owner(tenant)),
            `create schema ${schema}${authorization(placement)}`,
            `comment on schema ${schema} is ${quoteText(marks.owner(tenant))}`,
            ...(filled ? [filled.record(tenant), ...pinOf(placement, { extensions }), ...filled.statements] : []),
          ].join(';\n'),
        );
        return filled ? 'migrated-and-recorded' : 'empty';
      } catch (error) {
        throw await takenOr(ownDatabaseOr(error, tenant), tenant, placement, { pools, on: placement });
      }
    },
    adopt: async (tenant) => {
      const placement = placementOf(tenant);
      const found = await markOfSchema(pools, placement);
      if (!(await isAdoptable(found, tenant, { marks, find })))
        throw notAdoptable(tenant, 'schema', placement.schema, found?.owner);
      await pools.query(
        placement,
        `comment on schema ${quoteName(placement.schema)} is ${quoteText(marks.adopted(tenant))}`,
      );
    },
    isAdopted: async (tenant) => (await markOfSchema(pools, placementOf(tenant)))?.owner === marks.adopted(tenant),
    release: async (tenant) => {
      const placement = placementOf(tenant);
      checkKept(await markOfSchema(pools, placement), tenant, marks, `schema "${placement.schema}"`);
    },
    destroy: async (tenant) => {
      const placement = placementOf(tenant);
      const found = await markOfSchema(pools, placement);
      if (found?.['owner'] === marks.adopted(tenant)) {
        // A failed tenant keeps its mark, so that clearing it returns the schema to its owner.
        if (tenant.status !== 'failed')
          await pools.query(placement, `comment on schema ${quoteName(placement.schema)} is null`);
        return;
      }
      if (!found) return dropRole(owned, placement, placement, tenant);
      if (found['owner'] !== marks.owner(tenant)) return keepForOwner(tenant, 'schema', placement.schema);
      await refuseOutsideDependents(pools, placement, tenant);
      // A transaction left open in the schema must not block the removal, nor the statements that would wait behind it.
      const drop = await dropSchemaSql(pools, placement, tenant);
      await pools.query(placement, `set local lock_timeout to '10s'; ${drop}`);
      await dropRole(owned, placement, placement, tenant);
    },
  };
}
