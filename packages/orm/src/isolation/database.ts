import { createHash } from 'node:crypto';
import type { Tenant } from '@omnitenant/core';
import type { Pools } from '../connections/pools.ts';
import { placementOf } from '../placement/placement.ts';
import type { Database } from '../sql/client.ts';
import { quoteName, quoteText } from '../sql/quote.ts';
import { authorization, createRole, dropRole } from './role.ts';
import {
  adoptedMark,
  isAdoptable,
  isSame,
  isTaken,
  leaveAlone,
  notAdoptable,
  ownerMark,
  type TenantStorage,
  takenOr,
} from './storage.ts';
import type { Templates } from './template.ts';

/**
 * Isolation `database`: a database of its own, on the configuration's server, on another, or on one of its own. `maintenance`
 * names the database of the same server that is connected to while another is made or dropped.
 */
export function databaseStorage(
  pools: Pools,
  central: Database,
  maintenance: (place: Database) => Promise<Database>,
  templates: Templates,
): TenantStorage {
  return {
    create: async (tenant, contents) => {
      const placement = placementOf(tenant);
      const database = quoteName(placement.database);
      const server = await maintenance(placement);
      const unnamed = quoteName(unnamedFor(tenant));
      // What is in a template belongs to who made it, and is in its schema.
      const filled = placement.role === undefined && placement.schema === 'public' ? contents : undefined;
      // A template pays where many tenants are made.
      let template = filled && placement.url === undefined ? await templates.of(placement.server, filled) : undefined;
      const createFrom = (source: string | undefined) =>
        pools.query(
          server,
          `create database ${unnamed}${placement.role ? ` owner ${quoteName(placement.role)}` : ''}${source ? ` template ${quoteName(source)}` : ''}`,
        );
      try {
        if (placement.role) await pools.query(server, createRole(placement, tenant));
        await createFrom(template).catch((error: unknown) => {
          if (filled === undefined || template === undefined || !cannotBeCopied(error)) throw error;
          templates.isGone(placement.server, filled);
          template = undefined;
          return createFrom(undefined);
        });
      } catch (error) {
        const fault = takenOr(error, tenant, placement);
        if (!isTaken(error, 'role')) await dropRole(pools, server, placement, tenant);
        throw fault;
      }
      const recorded = template === undefined || !isSame(server, central) ? undefined : filled?.record(tenant);
      try {
        await pools.query(
          server,
          [
            `comment on database ${unnamed} is '${ownerMark(tenant)}'`,
            ...(recorded ? [recorded] : []),
            `alter database ${unnamed} rename to ${database}`,
          ].join(';\n'),
        );
      } catch (error) {
        await pools.query(server, `drop database if exists ${unnamed}`);
        await dropRole(pools, server, placement, tenant);
        throw takenOr(error, tenant, placement);
      }
      try {
        if (placement.schema !== 'public')
          await pools.query(placement, `create schema ${quoteName(placement.schema)}${authorization(placement)}`);
        if (recorded) return 'recorded';
        return template ? 'filled' : 'empty';
      } catch (error) {
        await pools.close(placement);
        await pools.query(server, `drop database ${database}`);
        await dropRole(pools, server, placement, tenant);
        throw error;
      }
    },
    adopt: async (tenant) => {
      const placement = placementOf(tenant);
      const server = await maintenance(placement);
      const found = await ownerOf(pools, server, placement.database);
      if (!isAdoptable(found, tenant)) throw notAdoptable(tenant, 'database', placement.database, found?.owner);
      await pools.query(server, `comment on database ${quoteName(placement.database)} is '${adoptedMark(tenant)}'`);
    },
    destroy: async (tenant) => {
      const placement = placementOf(tenant);
      const server = await maintenance(placement);
      const found = await ownerOf(pools, server, placement.database);
      if (found?.['owner'] === adoptedMark(tenant)) {
        // One that failed may still be forgotten, which gives it back; it is not made anew.
        if (tenant.status !== 'failed')
          await pools.query(server, `comment on database ${quoteName(placement.database)} is null`);
        return;
      }
      await pools.query(server, `drop database if exists ${quoteName(unnamedFor(tenant))}`);
      if (found?.['owner'] === ownerMark(tenant)) {
        await pools.close(placement);
        await pools.query(server, `drop database ${quoteName(placement.database)} with (force)`);
      } else if (found) leaveAlone(tenant, 'database', placement.database);
      await dropRole(pools, server, placement, tenant);
    },
  };
}

/** Whether the template is gone, as when a process with other migrations has put its own in place, or somebody is in it. */
function cannotBeCopied(error: unknown): boolean {
  return ['3D000', '55006'].includes((error as { code?: string }).code ?? '');
}

/**
 * What a tenant's database is called until it bears the tenant's mark: a name that follows from the tenant's record, so that
 * one that was left half-made is known to be this tenant's, and nobody else's.
 */
function unnamedFor(tenant: Tenant): string {
  const { id, createdAt } = tenant;
  const digest = createHash('sha256').update(`${id}@${createdAt.getTime()}`).digest('hex');
  return `${placementOf(tenant).database.slice(0, 40)}_new_${digest.slice(0, 16)}`;
}

async function ownerOf(pools: Pools, server: Database, database: string): Promise<{ owner?: string } | undefined> {
  const [found] = await pools.query(
    server,
    `select shobj_description(oid, 'pg_database') as owner from pg_database where datname = ${quoteText(database)}`,
  );
  return found;
}
