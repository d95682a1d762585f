import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { TenancyError, type Tenant } from '@omnitenant/core';
import type { Pools } from '../connections/pools.ts';
import { givenToChanges } from '../isolation/row/functions.ts';
import { lockOf } from '../isolation/row/prepare.ts';
import { placementOf, sharesTables, tenantSetting } from '../placement/placement.ts';
import { formerTenants, inSchema, rowRoles, secretsTable, tenantColumn } from '../placement/shared-tables.ts';
import { codeOf, sqlState } from '../sql/error-codes.ts';
import { isOfExtension } from '../sql/extensions.ts';
import { quoteName, quoteText } from '../sql/quote.ts';

/** The first letters of the triggers and functions of seals. */
const prefix = 'omnitenant_moving_';

/**
 * How long writers are waited for at a time, and how often. Whoever comes behind them waits as long. It is less than PostgreSQL's
 * `deadlock_timeout`, so that no writer is what PostgreSQL ends where both wait for each other.
 */
const lockTimeoutMs = 500;
const attempts = 45;
const pauseMs = 200;

/**
 * Has PostgreSQL refuse every write to a tenant's storage, whoever sends it, until the seal is broken or the storage is gone. When it returns,
 * what was written before is committed or rolled back. Reads go on. Returns when that began, by `performance.now()`.
 *
 * @throws MOVE_FAILED if somebody is writing for too long.
 */
export async function seal(pools: Pools, tenant: Tenant, token: string): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    const sealed = await trySeal(pools, tenant, token);
    if ('since' in sealed) return sealed.since;
    if (attempt === attempts) throw sealed.inUse;
    await pause(pauseMs);
  }
}

/** The same, unless somebody is writing for longer than a moment. */
export async function trySeal(
  pools: Pools,
  tenant: Tenant,
  token: string,
): Promise<{ readonly since: number } | { readonly inUse: TenancyError }> {
  const tables = await tablesOf(pools, tenant);
  const since = performance.now();
  if (tables.length === 0) return { since };
  try {
    await pools.query(placementOf(tenant), sealSql(tenant, tables, `${prefix}${token}`));
    return { since };
  } catch (error) {
    if (!mayPassSoon(error)) throw error;
    return { inUse: isInUse(tenant, error) };
  }
}

/** The tables of a tenant's storage that no seal is on, because they were made since. */
export async function unsealedTables(pools: Pools, tenant: Tenant, token: string): Promise<readonly string[]> {
  const sealed = await pools.query(
    placementOf(tenant),
    `select relname as name from pg_trigger join pg_class c on c.oid = tgrelid
       where relnamespace = to_regnamespace(${quoteText(quoteName(placementOf(tenant).schema))})
       and tgname = ${quoteText(`${prefix}${token}`)} and tgenabled = 'A'`,
  );
  const names = sealed.map(({ name }) => name);
  return (await tablesOf(pools, tenant)).filter((table) => !names.includes(table));
}

/** Breaks the seal of one attempt, or all of the tenant's. Does nothing where there is none. */
export async function unseal(pools: Pools, tenant: Tenant, token?: string): Promise<void> {
  const placement = placementOf(tenant);
  const { schema } = placement;
  const mine = `${prefix}${token ?? sealToken(tenant, '')}`;
  const found = await pools.query(
    placement,
    `select proname as name from pg_proc where pronamespace = to_regnamespace(${quoteText(quoteName(schema))}) and starts_with(proname, ${quoteText(mine)})`,
  );
  if (found.length === 0) return;
  const drops = found.map(({ name }) => `drop function ${inSchema(placement, String(name))}() cascade`);
  await pools.query(placement, [`set local lock_timeout to '10s'`, ...asOwnerOf(tenant), ...drops].join(';\n'));
}

/** The token of a new attempt. In shared tables, a seal is known to be the tenant's by it. */
export function sealToken(tenant: Tenant, random: string): string {
  return sharesTables(tenant) ? `${keyPart(tenant)}_${random}` : random;
}

function sealSql(tenant: Tenant, tables: readonly string[], name: string): string {
  const placement = placementOf(tenant);
  const refuse = inSchema(placement, name);
  return [
    `set local lock_timeout to ${lockTimeoutMs}`,
    // Two at once would change the rights on the schema at the same time, which PostgreSQL refuses.
    ...(sharesTables(tenant) ? [lockOf(placement)] : []),
    ...asOwnerOf(tenant),
    `create function ${refuse}() returns trigger language plpgsql as
       $moving$ begin raise exception 'the tenant is being moved' using errcode = '${sqlState.tenantMoving}'; end $moving$`,
    ...(sharesTables(tenant) ? asSharedFunction(tenant, refuse) : []),
    ...tables.flatMap((table) => [
      `create trigger ${quoteName(name)} before insert or update or delete or truncate on ${inSchema(placement, table)}
         for each statement ${whoseWrites(tenant)} execute function ${refuse}()`,
      // Also where a session says that it only replays what another has done.
      `alter table ${inSchema(placement, table)} enable always trigger ${quoteName(name)}`,
    ]),
  ].join(';\n');
}

/** What a function of shared tables has to be like, where the actions of foreign keys call it as the owner of the tables. */
function asSharedFunction(tenant: Tenant, name: string): string[] {
  const { schema, ...placement } = placementOf(tenant);
  const roles = rowRoles(placement);
  return [
    `grant execute on function ${name}() to ${quoteName(roles.tenants)}, ${quoteName(roles.changes)}`,
    ...givenToChanges(`${name}()`, schema, roles),
  ];
}

/** In shared tables, the tenant's; but not what deletes its rows when they are at their new place. */
function whoseWrites(tenant: Tenant): string {
  if (!sharesTables(tenant)) return '';
  const placement = placementOf(tenant);
  return `when (current_setting('${tenantSetting}', true) = ${quoteText(placement.key ?? '')}
    and current_user <> ${quoteText(rowRoles(placement).changes)})`;
}

async function tablesOf(pools: Pools, tenant: Tenant): Promise<string[]> {
  const placement = placementOf(tenant);
  const own = [formerTenants, secretsTable].map(quoteText).join(', ');
  const shared = `and relname not in (${own}) and exists (select from pg_attribute where attrelid = c.oid and attname = '${tenantColumn}')`;
  const found = await pools.query(
    placement,
    `select relname as name from pg_class c where relnamespace = to_regnamespace(${quoteText(quoteName(placement.schema))})
       and relkind in ('r', 'p') and not ${isOfExtension('pg_class', 'c.oid')} ${sharesTables(tenant) ? shared : ''} order by oid`,
  );
  return found.map(({ name }) => String(name));
}

function asOwnerOf(tenant: Tenant): string[] {
  const placement = placementOf(tenant);
  const owner = sharesTables(tenant) ? rowRoles(placement).owner : placement.role;
  return owner === undefined ? [] : [`set local role ${quoteName(owner)}`];
}

function keyPart(tenant: Tenant): string {
  return createHash('sha256')
    .update(placementOf(tenant).key ?? '')
    .digest('hex')
    .slice(0, 12);
}

function mayPassSoon(error: unknown): boolean {
  const code = codeOf(error);
  return code === sqlState.lockNotAvailable || code === sqlState.deadlockDetected;
}

function isInUse({ id }: Tenant, cause: unknown): TenancyError {
  const message =
    `Tenant "${id}" could not be moved: a transaction in its tables runs for too long, and writes must stop while it is copied. ` +
    'Nothing has changed. Move it again when that has ended.';
  return new TenancyError('MOVE_FAILED', message, { tenant: id, cause });
}
