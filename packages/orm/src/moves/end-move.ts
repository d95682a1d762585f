import { setTimeout as pause } from 'node:timers/promises';
import { isTenancyError, type MoveProgress, TenancyError, type Tenant } from '@omnitenant/core';
import type { MoveContext, PlacementAnswer, PlacementDraft } from '@omnitenant/core/extend';
import type { ImportParts } from '../archive/import-tenant.ts';
import type { Move, MoveLedger } from '../central/move-ledger.ts';
import type { TenantStorage } from '../isolation/storage.ts';
import { type Isolation, placementOf } from '../placement/placement.ts';
import { codeOf, sqlState } from '../sql/error-codes.ts';
import { quoteName, quoteText } from '../sql/quote.ts';
import type { Vault } from '../vault/vault.ts';
import { isGone, messageOf } from './reason.ts';
import { refuseNewTables } from './refuse-new-tables.ts';
import { unseal } from './seal.ts';

/** What tenants are moved with. */
export interface MoverParts extends ImportParts {
  readonly ledger: MoveLedger;
  readonly storages: Readonly<Record<Isolation, TenantStorage>>;
  readonly place: (draft: PlacementDraft) => Promise<PlacementAnswer>;
  /** Binds the credentials of a tenant's own server to the tenant. */
  readonly bind: Vault['bind'];
}

/**
 * For so long, processes that remember the old place may still read there, in milliseconds. All that serve requests know the new one by then.
 */
const settleMs = 2_000;

/** Ends a move whose tenant is at its new place: destroys the old one. */
export async function finish(
  parts: MoverParts,
  tenant: Tenant,
  { origin, target, token }: Move,
  { confirm, onProgress, forget }: MoveContext,
  report: Omit<MoveProgress, 'step'> = {},
): Promise<void> {
  await pause(settleMs);
  await confirm();
  // What is destroyed from here on may be all that there is.
  const why = await whyLost(parts, at(tenant, target));
  if (why !== undefined) throw isSilent(tenant, why);
  const { ledger } = parts;
  await ledger.remember(tenant, origin);
  try {
    await refuseNewTables(parts, at(tenant, origin), token);
    onProgress?.({ step: 'drop', ...report });
    await destroyAt(parts, tenant, origin);
  } catch (error) {
    if (!forget || !isGone(error)) throw oldPlaceStays(tenant, error);
  }
  await ledger.end(tenant);
}

/** Why a tenant's place cannot be used, if it cannot. */
export async function whyLost({ pools }: Pick<MoverParts, 'pools'>, tenant: Tenant): Promise<unknown> {
  const placement = placementOf(tenant);
  const schema = quoteText(quoteName(placement.schema));
  try {
    const [found] = await pools.query(placement, `select to_regnamespace(${schema}) is not null as is_there`);
    return found?.['is_there'] ? undefined : new Error(`its schema "${placement.schema}" is not there`);
  } catch (error) {
    return error;
  }
}

/**
 * Undoes a move that nobody can finish any more. The tenant may be written to first, whatever becomes of the new place. Without a token it
 * is an attempt of a process that may go on unseen: it must not find the next one under the same names. A place that is given up is left
 * where it cannot be destroyed.
 */
export async function undoBegun(
  { ledger, ...parts }: MoverParts,
  tenant: Tenant,
  { target }: Move,
  { token, givesUp = false }: { readonly token?: string; readonly givesUp?: boolean } = {},
): Promise<void> {
  await unseal(parts.pools, tenant, token);
  try {
    await destroyAt(parts, tenant, target);
  } catch (error) {
    if (!givesUp || !isGone(error)) throw error;
  }
  if (token === undefined) await ledger.remember(tenant, target);
  await ledger.end(tenant);
}

/** Destroys what a move has left elsewhere of a tenant that is being removed. */
export async function abandon(parts: MoverParts, tenant: Tenant): Promise<void> {
  const { ledger } = parts;
  const left = await ledger.find(tenant);
  if (left === undefined) return;
  const isSwitched = left.step === 'switched';
  if (!isSwitched) {
    await ledger.undo(tenant);
    // Its rows go as well, so it does not matter whether they could be written to.
    await unseal(parts.pools, tenant).catch(() => {});
  }
  const place = isSwitched ? left.origin : left.target;
  await ledger.remember(tenant, place);
  await destroyAt(parts, tenant, place);
  await ledger.end(tenant);
}

/** The same, of a tenant whose storage is kept: it is written to again, by whoever has it. */
export async function keepWhereItIs(parts: MoverParts, tenant: Tenant): Promise<void> {
  const left = await parts.ledger.find(tenant);
  if (left === undefined || left.step === 'switched') return abandon(parts, tenant);
  await parts.ledger.undo(tenant);
  await undoBegun(parts, tenant, left);
}

/** The tenant as it is at another place. */
export function at(tenant: Tenant, { isolation, placement }: PlacementAnswer): Tenant {
  return { ...tenant, isolation, placement };
}

async function destroyAt(
  { storages }: Pick<MoverParts, 'storages'>,
  tenant: Tenant,
  place: PlacementAnswer,
): Promise<void> {
  await storages[place.isolation as Isolation].destroy(at(tenant, place));
}

/** The error for a tenant whose new place does not answer. */
export function isSilent({ id }: Tenant, cause: unknown): TenancyError {
  const message =
    `Tenant "${id}" is at its new place, which cannot be used: ${messageOf(cause)} Its old place is kept, and refuses writes. ` +
    `When the new place can be used, move("${id}") destroys the old one. If it is gone for good, undoMove("${id}", { forget: true }) ` +
    'brings the tenant back to its old place, without what was written since.';
  return new TenancyError('MOVE_FAILED', message, { tenant: id, cause });
}

function oldPlaceStays({ id }: Tenant, error: unknown): unknown {
  if (isTenancyError(error, 'SERVER_UNAVAILABLE')) {
    const message =
      `Tenant "${id}" is at its new place, but its old one cannot be destroyed: ${error.message} ` +
      `When it can be reached, move("${id}") destroys it. If it is gone for good, undoMove("${id}", { forget: true }) leaves it.`;
    return new TenancyError('MOVE_FAILED', message, { tenant: id, cause: error });
  }
  if (codeOf(error) !== sqlState.lockNotAvailable) return error;
  const message =
    `Tenant "${id}" is at its new place, but its old one cannot be destroyed yet: a transaction there runs for too long. ` +
    `When that has ended, move("${id}") destroys the rest.`;
  return new TenancyError('MOVE_FAILED', message, { tenant: id, cause: error });
}
