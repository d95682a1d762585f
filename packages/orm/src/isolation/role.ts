import { createHash } from 'node:crypto';
import type { Tenant } from '@omnitenant/core';
import { incarnationOf } from '@omnitenant/core/extend';
import type { Pools } from '../connections/pools.ts';
import type { OrmPlacement } from '../placement/placement.ts';
import type { Database } from '../sql/client.ts';
import { codeOf, sqlState } from '../sql/error-codes.ts';
import { quoteName, quoteText } from '../sql/quote.ts';
import type { Marks } from './marks.ts';

/**
 * The SQL that creates a placement's role and lets the connection's user become it. The role cannot log in; it only owns what
 * is its tenant's. Without a mark it is a role that many share, and is created once.
 */
export function createRole({ role }: OrmPlacement, mark?: string): string {
  if (role === undefined) return 'select';
  const name = quoteName(role);
  if (mark !== undefined)
    return `create role ${name} nologin; grant ${name} to current_user; comment on role ${name} is ${quoteText(mark)}`;
  return `do $role$ begin create role ${name} nologin; grant ${name} to current_user;
    exception when duplicate_object or unique_violation then null; end $role$`;
}

/** The clause that makes the role the owner of a schema. */
export function authorization({ role }: OrmPlacement): string {
  return role === undefined ? '' : ` authorization ${quoteName(role)}`;
}

/** What a role is called that cannot be dropped: nobody else's, and no longer than PostgreSQL allows. */
function leftName(role: string, tenant: Tenant): string {
  const digest = createHash('sha256').update(incarnationOf(tenant)).digest('hex').slice(0, 12);
  return `${role.slice(0, 40)}_removed_${digest}`;
}

/** Drops the role that was created for this tenant. Does nothing if it is gone, or another tenant's. */
export async function dropRole(
  { pools, marks }: { readonly pools: Pools; readonly marks: Marks },
  on: Database,
  { role }: OrmPlacement,
  tenant: Tenant,
): Promise<void> {
  if (role === undefined) return;
  const [found] = await pools.query(
    on,
    `select shobj_description(oid, 'pg_authid') as owner from pg_roles where rolname = ${quoteText(role)}`,
  );
  if (found?.owner !== marks.owner(tenant)) return;
  // What it was granted, and the large objects that it owns, would keep it from being dropped.
  try {
    await pools.query(on, `drop owned by ${quoteName(role)} cascade; drop role ${quoteName(role)}`);
  } catch (error) {
    if (codeOf(error) !== sqlState.dependentObjectsStillExist) throw error;
    // Somebody else has granted it something, and only they can take that back. Its name is free for a successor.
    await pools.query(on, `alter role ${quoteName(role)} rename to ${quoteName(leftName(role, tenant))}`);
  }
}
