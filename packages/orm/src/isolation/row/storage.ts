import { TenancyError, type Tenant } from '@omnitenant/core';
import { incarnationOf } from '@omnitenant/core/extend';
import type { Pools } from '../../connections/pools.ts';
import type { OrmPlacement } from '../../placement/placement.ts';
import type { RowWall } from '../../placement/row-login.ts';
import { type SharedPlacement, sharedPlacement } from '../../placement/shared-placement.ts';
import { formerTenants, inSchema, tenantColumn } from '../../placement/shared-tables.ts';
import type { Database } from '../../sql/client.ts';
import { quoteText } from '../../sql/quote.ts';
import { type Contents, isSame, type TenantStorage } from '../storage.ts';
import { destroyRows, hasAdoptedRows, releaseRows } from './destroy-rows.ts';
import { adoptedBy, asOwner, forgetKey, idOf, isNotThere, type UsedKey, usedKeys } from './former-tenants.ts';
import { prepare } from './prepare.ts';

/**
 * Isolation `row`: the tenants of one schema share its tables, and PostgreSQL's row-level security keeps their rows apart. The schema
 * and its roles are made once; a tenant itself needs nothing made.
 */
export function rowStorage(pools: Pools, central: Database, wall: RowWall | undefined): TenantStorage {
  return {
    create: async (tenant, contents) => {
      const placement = sharedPlacement(tenant);
      const joined = await join(pools, placement, tenant, isSame(placement, central) ? contents : undefined);
      if (!joined) {
        await prepare(pools, placement, central, wall);
        return 'empty';
      }
      const before = joined.used.find(({ key }) => key === placement.key);
      if (before && !isOf(tenant, before.incarnation))
        throw before.incarnation === '' ? isUnclaimed(tenant) : isUsed(tenant);
      if (before) await pools.query(placement, `${asOwner(placement)}; ${forgetKey(placement, incarnationOf(tenant))}`);
      return joined.isRecorded ? 'migrated-and-recorded' : 'empty';
    },
    adopt: async (tenant) => {
      const placement = sharedPlacement(tenant);
      const adopted = await pools.query(
        placement,
        `${asOwner(placement)}; update ${inSchema(placement, formerTenants)} set incarnation = ${quoteText(adoptedBy(tenant))}
          where ${tenantColumn} = ${quoteText(placement.key)} and incarnation in ('', ${quoteText(adoptedBy(tenant))}) returning 1`,
      );
      if (adopted.length === 0) throw isNobodys(tenant, placement);
    },
    isAdopted: (tenant) => hasAdoptedRows(pools, tenant),
    release: async (tenant) => releaseRows(pools, tenant),
    destroy: async (tenant) => destroyRows(pools, tenant),
  };
}

/** One that failed and is repaired is the same tenant still. */
function isOf(tenant: Tenant, incarnation: string): boolean {
  return incarnation === incarnationOf(tenant) || incarnation === adoptedBy(tenant);
}

/** What a tenant finds that joins a shared schema. */
interface Joined {
  /** The keys that a tenant with this id has had before. */
  readonly used: readonly UsedKey[];
  /** Whether all migrations are applied there, and its version was recorded. */
  readonly isRecorded: boolean;
}

/**
 * Looks at the schema that a tenant joins, and records its version in the same message, where the migrations of the schema are those
 * of the code; `undefined` where the schema or a role is not there yet.
 */
async function join(
  pools: Pools,
  placement: SharedPlacement,
  tenant: Tenant,
  contents: Contents | undefined,
): Promise<Joined | undefined> {
  const state = `current_setting('omnitenant.state')::jsonb`;
  const used = usedKeys(placement, idOf(placement.key));
  const applied = contents ? `(${appliedSql(placement, contents.logTable)})` : `'[]'::json`;
  try {
    const [found] = await pools.ask(placement, [
      asOwner(placement),
      `select set_config('omnitenant.state', json_build_object('used', ${used}, 'applied', ${applied})::text, true)`,
      'reset role',
      ...(contents
        ? [`${contents.record(tenant)} and ${state} -> 'applied' = ${quoteText(JSON.stringify(contents.names))}::jsonb`]
        : []),
      `select ${state} as state`,
    ]);
    const seen = found?.['state'] as { used: UsedKey[]; applied: string[] } | undefined;
    return {
      used: seen?.used ?? [],
      isRecorded: contents !== undefined && seen?.applied.join() === contents.names.join(),
    };
  } catch (error) {
    if (isNotThere(error)) return undefined;
    throw error;
  }
}

/** SQL for the names in a schema's log of migrations, as a JSON array. */
function appliedSql(placement: OrmPlacement, logTable: string): string {
  return `select coalesce(json_agg(regexp_replace(name, '\\.[jt]s$', '') order by id), '[]') as applied from ${inSchema(placement, logTable)}`;
}

/** The migrations that a shared schema has, by its log; `undefined` where there is none yet. */
export async function appliedRows(
  pools: Pools,
  placement: OrmPlacement & Database,
  logTable: string,
): Promise<readonly string[] | undefined> {
  try {
    const [found] = await pools.ask(placement, [asOwner(placement), appliedSql(placement, logTable)]);
    return found?.['applied'] as string[];
  } catch (error) {
    if (isNotThere(error)) return undefined;
    throw error;
  }
}

function isUsed({ id }: Tenant): TenancyError {
  return new TenancyError(
    'PROVISION_FAILED',
    `A tenant "${id}" was being removed while this one was created, and its key in shared tables is used. Create the tenant again.`,
    { tenant: id },
  );
}

function isUnclaimed({ id }: Tenant): TenancyError {
  return new TenancyError(
    'PROVISION_FAILED',
    `Shared tables that were taken over have rows of a tenant "${id}", which no tenant has yet. Adopt the tenant instead, or delete its rows from them.`,
    { tenant: id },
  );
}

function isNobodys({ id }: Tenant, { schema }: OrmPlacement): TenancyError {
  return new TenancyError(
    'PROVISION_FAILED',
    `The shared schema "${schema}" has no rows that the tenant "${id}" could adopt: only rows that were there when it was taken over, ` +
      'and that no tenant has. Create the tenant instead.',
    { tenant: id },
  );
}
