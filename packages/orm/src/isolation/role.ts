import type { Tenant } from '@omnitenant/core';
import type { Pools } from '../connections/pools.ts';
import type { OrmPlacement } from '../placement/placement.ts';
import type { Database } from '../sql/client.ts';
import { quoteName, quoteText } from '../sql/quote.ts';
import { ownerMark } from './storage.ts';

/**
 * The SQL that creates a placement's role and lets the connection's user become it. The role cannot log in; it only owns what
 * is its tenant's. Without a tenant it is a role that many share, and is created once.
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

/** Drops the role that was created for this tenant. Does nothing if it is gone, or another tenant's. */
export async function dropRole(pools: Pools, on: Database, { role }: OrmPlacement, tenant: Tenant): Promise<void> {
  if (role === undefined) return;
  const [found] = await pools.query(
    on,
    `select shobj_description(oid, 'pg_authid') as owner from pg_roles where rolname = ${quoteText(role)}`,
  );
  if (found?.owner === ownerMark(tenant)) await pools.query(on, `drop role ${quoteName(role)}`);
}
