import { quoteName } from '../pin.ts';
import { placementOf } from '../placement.ts';
import type { Pools } from '../pools.ts';
import type { Database } from '../sql-pool.ts';
import { authorization, createRole, dropRole } from './role.ts';
import { isTaken, notOwned, ownerMark, type TenantStorage, takenOr } from './storage.ts';

/**
 * Isolation `database`: a database of its own, on the configuration's server or on another. `maintenance` names the
 * database of a server that is connected to while another is made or dropped.
 */
export const databaseStorage = (pools: Pools, maintenance: (server: string) => Database): TenantStorage => ({
  create: async (tenant) => {
    const placement = placementOf(tenant);
    const database = quoteName(placement.database);
    const server = maintenance(placement.server);
    try {
      if (placement.role) await pools.query(server, createRole(placement, tenant));
      await pools.query(
        server,
        `create database ${database}${placement.role ? ` owner ${quoteName(placement.role)}` : ''}`,
      );
    } catch (error) {
      const fault = takenOr(error, tenant, placement);
      if (!isTaken(error, 'role')) await dropRole(pools, server, placement, tenant);
      throw fault;
    }
    try {
      await pools.query(server, `comment on database ${database} is '${ownerMark(tenant)}'`);
      if (placement.schema !== 'public')
        await pools.query(placement, `create schema ${quoteName(placement.schema)}${authorization(placement)}`);
    } catch (error) {
      await pools.close(placement);
      await pools.query(server, `drop database ${database}`);
      await dropRole(pools, server, placement, tenant);
      throw error;
    }
  },
  destroy: async (tenant) => {
    const placement = placementOf(tenant);
    const server = maintenance(placement.server);
    const [found] = await pools.query(
      server,
      `select shobj_description(oid, 'pg_database') as owner from pg_database where datname = '${placement.database}'`,
    );
    if (!found) return dropRole(pools, server, placement, tenant);
    if (found['owner'] !== ownerMark(tenant)) throw notOwned(tenant, 'database', placement.database);
    await pools.close(placement);
    await pools.query(server, `drop database ${quoteName(placement.database)} with (force)`);
    await dropRole(pools, server, placement, tenant);
  },
});
