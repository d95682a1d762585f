import type { Tenant } from '@omnitenant/core';
import { incarnationOf } from '@omnitenant/core/extend';
import type { Pools } from '../../connections/pools.ts';
import type { OrmPlacement } from '../../placement/placement.ts';
import type { SharedPlacement } from '../../placement/shared-placement.ts';
import {
  currentTenant,
  formerTenants,
  inSchema,
  type OwnRows,
  rowRoles,
  tenantColumn,
  tenantPolicy,
} from '../../placement/shared-tables.ts';
import type { Database } from '../../sql/client.ts';
import { codeOf, sqlState } from '../../sql/error-codes.ts';
import { quoteName, quoteText } from '../../sql/quote.ts';

/** What the incarnation of a key begins with whose rows were adopted: it is in use. */
export const adoption = 'adopted by ';

/** A key that no new tenant gets, because a tenant had it, or because there are rows of it. */
export interface UsedKey {
  readonly key: string;
  /** The incarnation that had it; empty where the rows were taken over and no tenant has adopted them. */
  readonly incarnation: string;
}

/** SQL that makes the table of used keys. Its default is what those of all other tables are compared with. */
export function createFormerTenants(placement: OrmPlacement): string {
  return `create table if not exists ${inSchema(placement, formerTenants)}
    (id text not null, incarnation text not null, ${tenantColumn} text primary key default ${currentTenant})`;
}

/** SQL that gives that table the policy that those of all other tables are compared with. */
export function createReference(placement: OrmPlacement, own: OwnRows): string[] {
  const former = inSchema(placement, formerTenants);
  return [
    `alter table ${former} enable row level security`,
    `drop policy if exists omnitenant on ${former}`,
    tenantPolicy(former, own),
  ];
}

/** SQL that remembers a key. No new tenant gets it, and nobody writes rows of it. */
export function rememberKey(placement: OrmPlacement, id: string, { key, incarnation }: UsedKey): string {
  const values = [id, incarnation, key].map(quoteText).join(', ');
  return `insert into ${inSchema(placement, formerTenants)} (id, incarnation, ${tenantColumn}) values (${values}) on conflict do nothing`;
}

/** SQL that gives a key back to the tenant that had it, one that failed and is made again. */
export function forgetKey(placement: SharedPlacement, incarnation: string): string {
  return `delete from ${inSchema(placement, formerTenants)} where ${tenantColumn} = ${quoteText(placement.key)} and incarnation = ${quoteText(incarnation)}`;
}

/** SQL for the keys of an id, as a JSON array. */
export function usedKeys(placement: OrmPlacement, id: string): string {
  return `(select coalesce(json_agg(json_build_object('key', ${tenantColumn}, 'incarnation', incarnation)), '[]')
    from ${inSchema(placement, formerTenants)} where id = ${quoteText(id)})`;
}

/** The id that a key was made of. */
export function idOf(key: string): string {
  return key.replace(/~.*/, '');
}

/** What a tenant's adopted rows are remembered by. */
export function adoptedBy(tenant: Tenant): string {
  return `${adoption}${incarnationOf(tenant)}`;
}

export function asOwner(placement: OrmPlacement): string {
  return `set local role ${quoteName(rowRoles(placement).owner)}`;
}

/** What PostgreSQL says where a schema, a table or a role is missing. */
export function isNotThere(error: unknown): boolean {
  const missing: string[] = [sqlState.undefinedSchema, sqlState.undefinedTable, sqlState.invalidParameterValue];
  return missing.includes(codeOf(error));
}

/** The keys that central knows of: as SQL, where the shared tables are in its database, and otherwise asked for by themselves. */
export interface KeysInCentral {
  readonly sql: string | undefined;
  ask(): Promise<readonly string[]>;
}

/**
 * The key of a new tenant: its id; where a tenant with that id was removed, the id and a number; where rows of that id were taken over,
 * their key. Whoever still holds the record of a removed tenant finds none of its successor's rows.
 */
export async function nextKey(
  pools: Pools,
  placement: OrmPlacement & Database,
  id: string,
  former: KeysInCentral,
): Promise<string> {
  try {
    const [found] = await pools.ask(placement, [
      // Central is read before the role changes, as the owner of the tables may not.
      `select set_config('omnitenant.state', ${former.sql ?? "'[]'"}::text, true)`,
      asOwner(placement),
      `select ${usedKeys(placement, id)} as used, current_setting('omnitenant.state')::json as former`,
    ]);
    const used = (found?.['used'] ?? []) as readonly UsedKey[];
    const unclaimed = used.find(({ incarnation }) => incarnation === '');
    if (unclaimed) return unclaimed.key;
    const inCentral = former.sql === undefined ? await former.ask() : (found?.['former'] as readonly string[]);
    return unusedKey(id, new Set([...inCentral, ...used.map(({ key }) => key)]));
  } catch (error) {
    if (isNotThere(error)) return unusedKey(id, new Set(await former.ask()));
    throw error;
  }
}

function unusedKey(id: string, used: ReadonlySet<string>): string {
  if (used.size === 0) return id;
  for (let n = used.size + 1; ; n += 1) if (!used.has(`${id}~${n}`)) return `${id}~${n}`;
}
