import type { Tenant } from '@omnitenant/core';
import type { Pools } from '../connections/pools.ts';
import type { OrmPlacement } from '../placement/placement.ts';
import type { Database } from '../sql/client.ts';
import { quoteName } from '../sql/quote.ts';
import { ownerMark } from './storage.ts';

/**
 * The SQL that makes a placement's role, which may do nothing but own what is its tenant's, and lets the connection's user
 * become it. Without a tenant it is the role of many, and is made once.
 */
export function createRole({ role }: OrmPlacement, tenant?: Tenant): string {
  if (role === undefined) return 'select';
  const name = quoteName(role);
  if (tenant)
    return `create role ${name} nologin; grant ${name} to current_user; comment on role ${name} is '${ownerMark(tenant)}'`;
  return `do $role$ begin create role ${name} nologin; grant ${name} to current_user;
    exception when duplicate_object or unique_violation then null; end $role$`;
}

/** The clause that makes the role the owner of a schema. */
export function authorization({ role }: OrmPlacement): string {
  return role === undefined ? '' : ` authorization ${quoteName(role)}`;
}

/** Drops the role that was made for this tenant; does nothing when it is gone, or another's. */
export async function dropRole(pools: Pools, on: Database, { role }: OrmPlacement, tenant: Tenant): Promise<void> {
  if (role === undefined) return;
  const [found] = await pools.query(
    on,
    `select shobj_description(oid, 'pg_authid') as owner from pg_roles where rolname = '${role}'`,
  );
  if (found?.owner === ownerMark(tenant)) await pools.query(on, `drop role ${quoteName(role)}`);
}
