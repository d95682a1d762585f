import { setTimeout as pause } from 'node:timers/promises';
import { type MoveProgress, TenancyError, type Tenant } from '@omnitenant/core';
import type { MoveContext, PlacementAnswer, PlacementDraft } from '@omnitenant/core/extend';
import type { ImportParts } from '../archive/import-tenant.ts';
import type { Move, MoveLedger } from '../central/move-ledger.ts';
import type { TenantStorage } from '../isolation/storage.ts';
import type { Isolation } from '../placement/placement.ts';
import { codeOf, sqlState } from '../sql/error-codes.ts';
import type { Vault } from '../vault/vault.ts';
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
  { origin, token }: Move,
  { confirm, onProgress }: MoveContext,
  report: Omit<MoveProgress, 'step'> = {},
): Promise<void> {
  await pause(settleMs);
  await confirm();
  await refuseNewTables(parts, at(tenant, origin), token);
  onProgress?.({ step: 'drop', ...report });
  await parts.ledger.remember(tenant, origin);
  await destroyAt(parts, tenant, origin).catch((error) => Promise.reject(inUse(tenant, error)));
  await parts.ledger.end(tenant);
}

/**
 * Undoes a move that nobody can finish any more. The tenant may be written to first, whatever becomes of the new place. Without a token it
 * is an attempt of a process that may go on unseen: it must not find the next one under the same names.
 */
export async function undoBegun(parts: MoverParts, tenant: Tenant, { target }: Move, token?: string): Promise<void> {
  await unseal(parts.pools, tenant, token);
  await destroyAt(parts, tenant, target);
  if (token === undefined) await parts.ledger.remember(tenant, target);
  await parts.ledger.end(tenant);
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

async function destroyAt({ storages }: MoverParts, tenant: Tenant, place: PlacementAnswer): Promise<void> {
  await storages[place.isolation as Isolation].destroy(at(tenant, place));
}

function inUse({ id }: Tenant, error: unknown): unknown {
  if (codeOf(error) !== sqlState.lockNotAvailable) return error;
  const message =
    `Tenant "${id}" is at its new place, but its old one cannot be destroyed yet: a transaction there runs for too long. ` +
    `When that has ended, move("${id}") destroys the rest.`;
  return new TenancyError('MOVE_FAILED', message, { tenant: id, cause: error });
}
