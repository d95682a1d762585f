import { createHash } from 'node:crypto';
import type { Tenant } from '@omnitenant/core';
import { incarnationOf } from '@omnitenant/core/extend';
import type { Pools } from '../connections/pools.ts';
import { placementOf } from '../placement/placement.ts';
import type { FindTenant } from '../session/removed-tenant.ts';
import type { Database } from '../sql/client.ts';
import { codeOf, sqlState } from '../sql/error-codes.ts';
import { quoteName, quoteText } from '../sql/quote.ts';
import { dropDatabase } from './drop-database.ts';
import { type Marks, marksOf } from './marks.ts';
import { refuseOthersSchemas } from './others-schemas.ts';
import { authorization, createRole, dropRole } from './role.ts';
import {
  type Contents,
  checkKept,
  isAdoptable,
  isSame,
  isTaken,
  keepForOwner,
  notAdoptable,
  type Ownership,
  type TenantStorage,
  takenOr,
} from './storage.ts';
import type { Templates } from './template.ts';

/** The parts of isolation `database`. */
export interface DatabaseStorageOptions {
  readonly pools: Pools;
  readonly central: Database;
  /** The database of the same server to connect to while another is created or dropped. */
  readonly maintenance: (database: Database) => Promise<Database>;
  readonly templates: Templates;
  readonly find: FindTenant;
}

/** Isolation `database`: each tenant has a database, on a configured server or on one of its own. */
export function databaseStorage({
  pools,
  central,
  maintenance,
  templates,
  find,
}: DatabaseStorageOptions): TenantStorage {
  const marks = marksOf(central);
  const owned = { pools, marks };

  /** Creates the database under its temporary name, and returns whether it is a copy of a template. */
  async function createUnfinished(server: Database, tenant: Tenant, contents: Contents | undefined): Promise<boolean> {
    const placement = placementOf(tenant);
    // A template pays off where many tenants are created, which is not so on a server of a tenant's own.
    const template =
      contents && placement.url === undefined ? await templates.of(placement.server, contents) : undefined;
    async function createFrom(source: string | undefined): Promise<void> {
      const owner = placement.role ? ` owner ${quoteName(placement.role)}` : '';
      const from = source ? ` template ${quoteName(source)}` : '';
      await createAnew(pools, server, unfinishedName(tenant), `${owner}${from}`);
    }
    let isCopy = template !== undefined;
    try {
      if (placement.role) await pools.query(server, createRole(placement, marks.owner(tenant)));
      await createFrom(template).catch((error: unknown) => {
        if (!contents || !isCopy || !cannotBeCopied(error)) throw error;
        templates.isGone(placement.server, contents);
        isCopy = false;
        return createFrom(undefined);
      });
      return isCopy;
    } catch (error) {
      const fault = await takenOr(error, tenant, placement, { pools, on: server });
      if (!isTaken(error, 'role')) await dropRole(owned, server, placement, tenant);
      throw fault;
    }
  }

  /** Marks the database as the tenant's and gives it its name. `record` writes the tenant's version down in central. */
  async function finish(server: Database, tenant: Tenant, record: string | undefined): Promise<void> {
    const placement = placementOf(tenant);
    const unfinished = quoteName(unfinishedName(tenant));
    const statements = [
      `comment on database ${unfinished} is ${quoteText(marks.owner(tenant))}`,
      ...(record === undefined ? [] : [record]),
      `alter database ${unfinished} rename to ${quoteName(placement.database)}`,
    ];
    try {
      await pools.query(server, statements.join(';\n'));
    } catch (error) {
      await pools.query(server, `drop database if exists ${unfinished}`);
      await dropRole(owned, server, placement, tenant);
      throw await takenOr(error, tenant, placement, { pools, on: server });
    }
  }

  async function createSchema(server: Database, tenant: Tenant): Promise<void> {
    const placement = placementOf(tenant);
    if (placement.schema === 'public') return;
    try {
      await pools.query(placement, `create schema ${quoteName(placement.schema)}${authorization(placement)}`);
    } catch (error) {
      await pools.close(placement);
      await dropDatabase(pools, server, placement.database);
      await dropRole(owned, server, placement, tenant);
      throw error;
    }
  }

  return {
    create: async (tenant, contents) => {
      const placement = placementOf(tenant);
      const server = await maintenance(placement);
      // What is in a template belongs to the user that created it, and is in the schema public.
      const copied = placement.role === undefined && placement.schema === 'public' ? contents : undefined;
      const isCopy = await createUnfinished(server, tenant, copied);
      const record = isCopy && isSame(server, central) ? copied?.record(tenant) : undefined;
      await finish(server, tenant, record);
      await createSchema(server, tenant);
      if (record !== undefined) return 'migrated-and-recorded';
      return isCopy ? 'migrated' : 'empty';
    },
    adopt: (tenant) => adopt({ pools, marks, maintenance, find }, tenant),
    isAdopted: async (tenant) => {
      const placement = placementOf(tenant);
      const found = await ownerOf(pools, await maintenance(placement), placement.database);
      return found?.owner === marks.adopted(tenant);
    },
    release: async (tenant) => {
      const { database, ...placement } = placementOf(tenant);
      const found = await ownerOf(pools, await maintenance({ ...placement, database }), database);
      checkKept(found, tenant, marks, `database "${database}"`);
    },
    destroy: (tenant) => destroy({ pools, marks, maintenance }, tenant),
  };
}

/** What tells a tenant's database from others. */
interface Owned extends Pick<DatabaseStorageOptions, 'pools' | 'maintenance'> {
  readonly marks: Marks;
}

async function adopt({ find, ...owned }: Owned & Ownership, tenant: Tenant): Promise<void> {
  const { pools, marks, maintenance } = owned;
  const placement = placementOf(tenant);
  const server = await maintenance(placement);
  const found = await ownerOf(pools, server, placement.database);
  if (found) await refuseOthersSchemas(pools, tenant, 'PROVISION_FAILED');
  if (!(await isAdoptable(found, tenant, { marks, find })))
    throw notAdoptable(tenant, 'database', placement.database, found?.owner);
  await pools.query(
    server,
    `comment on database ${quoteName(placement.database)} is ${quoteText(marks.adopted(tenant))}`,
  );
}

async function destroy({ pools, marks, maintenance }: Owned, tenant: Tenant): Promise<void> {
  const placement = placementOf(tenant);
  const server = await maintenance(placement);
  const found = await ownerOf(pools, server, placement.database);
  if (found?.owner === marks.adopted(tenant)) {
    // A failed tenant keeps its mark, so that clearing it returns the database to its owner.
    if (tenant.status !== 'failed')
      await pools.query(server, `comment on database ${quoteName(placement.database)} is null`);
    return;
  }
  await pools.query(server, `drop database if exists ${quoteName(unfinishedName(tenant))}`);
  if (found?.owner === marks.owner(tenant)) {
    if (!found.isInvalid) await refuseOthersSchemas(pools, tenant, 'REMOVE_FAILED');
    await pools.close(placement);
    await dropDatabase(pools, server, placement.database);
  } else if (found) keepForOwner(tenant, 'database', placement.database);
  await dropRole({ pools, marks }, server, placement, tenant);
}

/** Creates a database of a name that nobody else uses. If it is there, the server has finished what a killed process had asked for. */
async function createAnew(pools: Pools, server: Database, database: string, options: string): Promise<void> {
  const name = quoteName(database);
  const create = () => pools.query(server, `create database ${name}${options}`);
  try {
    await create();
  } catch (error) {
    if (!isTaken(error, 'database') && codeOf(error) !== sqlState.uniqueViolation) throw error;
    await pools.query(server, `drop database if exists ${name}`);
    await create();
  }
}

/** Whether the template is gone, because a process with other migrations has replaced it, or somebody is connected to it. */
function cannotBeCopied(error: unknown): boolean {
  const code = codeOf(error);
  return code === sqlState.undefinedDatabase || code === sqlState.objectInUse;
}

/**
 * The name of a tenant's database until it bears the tenant's mark. It follows from the tenant's record, so that a database
 * that was left unfinished is recognised as this tenant's.
 */
function unfinishedName(tenant: Tenant): string {
  const digest = createHash('sha256').update(incarnationOf(tenant)).digest('hex');
  return `${placementOf(tenant).database.slice(0, 40)}_new_${digest.slice(0, 16)}`;
}

interface FoundDatabase {
  readonly owner?: string;
  /** Whether PostgreSQL was interrupted while it dropped it: nobody can connect to it, and it can only be dropped. */
  readonly isInvalid?: boolean;
}

async function ownerOf(pools: Pools, server: Database, database: string): Promise<FoundDatabase | undefined> {
  const [found] = await pools.query(
    server,
    `select shobj_description(oid, 'pg_database') as owner, datconnlimit = -2 as "isInvalid" from pg_database
     where datname = ${quoteText(database)}`,
  );
  return found;
}
