import { setTimeout as pause } from 'node:timers/promises';
import { TenancyError, type Tenant } from '@omnitenant/core';
import type { Pools } from '../connections/pools.ts';
import type { TenantStorage } from '../isolation/storage.ts';
import { type Isolation, placementOf, sharesTables } from '../placement/placement.ts';
import { quoteName, quoteText } from '../sql/quote.ts';
import { isMissing } from './same-place.ts';
import { unsealedTables } from './seal.ts';

/** How long a transaction that makes something at the old place is waited for, in milliseconds, and how long between two looks. */
const waitMs = 10_000;
const pauseMs = 100;

/**
 * Refuses to destroy an old place in which a process that did not know yet has made a table, which nothing has copied. A transaction that
 * may still do so is waited for: nobody sees its table before it is committed, and whoever drops the schema would wait for it and drop that too.
 *
 * @throws MOVE_FAILED
 */
export async function refuseNewTables(
  { pools, storages }: { readonly pools: Pools; readonly storages: Readonly<Record<Isolation, TenantStorage>> },
  former: Tenant,
  token: string,
): Promise<void> {
  if (sharesTables(former)) return;
  try {
    if (await storages[former.isolation as Isolation].isAdopted(former)) return;
    await waitForMakers(pools, former);
    const [table] = await unsealedTables(pools, former, token);
    if (table !== undefined) throw hasNewTable(former, table);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

async function waitForMakers(pools: Pools, former: Tenant): Promise<void> {
  const placement = placementOf(former);
  const deadline = Date.now() + waitMs;
  // Whoever makes something in a schema locks the schema's name until the transaction ends.
  const makers = `select from pg_locks where locktype = 'object' and granted and pid <> pg_backend_pid() and classid = 'pg_namespace'::regclass
    and objid = to_regnamespace(${quoteText(quoteName(placement.schema))}) and database = (select oid from pg_database where datname = current_database()) limit 1`;
  while ((await pools.query(placement, makers)).length > 0) {
    if (Date.now() > deadline) throw isBeingMade(former);
    await pause(pauseMs);
  }
}

function isBeingMade({ id }: Tenant): TenancyError {
  const message =
    `Tenant "${id}" is at its new place, but its old one cannot be destroyed yet: a transaction that created something there, such as a table, has not ended. ` +
    `When it has, move("${id}") destroys the rest.`;
  return new TenancyError('MOVE_FAILED', message, { tenant: id });
}

function hasNewTable({ id }: Tenant, table: string): TenancyError {
  const message =
    `Tenant "${id}" is at its new place, but its old one cannot be destroyed: the table "${table}" was made there after the rest was copied. ` +
    `Keep what you need of it and drop it; then move("${id}") destroys the rest.`;
  return new TenancyError('MOVE_FAILED', message, { tenant: id });
}
