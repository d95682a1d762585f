import { isTenancyError, type MoveTarget, TenancyError, type Tenant } from '@omnitenant/core';
import type { MoveContext } from '@omnitenant/core/extend';
import type { Move } from '../central/move-ledger.ts';
import { defaultServer, ownServer } from '../placement/placement.ts';
import { attempt, isThereAlready } from './attempt.ts';
import { at, finish, isSilent, type MoverParts, undoBegun, whyLost } from './end-move.ts';
import { isGone } from './reason.ts';
import { unseal } from './seal.ts';
import { whileAnswering } from './while-answering.ts';

/**
 * Moves a tenant to another isolation, database or server. Call it under the tenant's lease. A move that a process has left is finished first,
 * or undone; without a target, that one begins again.
 */
export async function moveTenant(
  parts: MoverParts,
  tenant: Tenant,
  target: MoveTarget | undefined,
  context: MoveContext,
): Promise<void> {
  const { ledger, pools } = parts;
  const left = await ledger.find(tenant);
  const wish = target === undefined ? left?.wish : wishOf(tenant, target);
  if (wish === undefined) throw nothingLeft(tenant);
  if (left?.step === 'switched') {
    await whileAnswering(pools, tenant, left, () => finish(parts, tenant, left, context));
  } else if (left) {
    await ledger.undo(tenant);
    await whileAnswering(pools, tenant, left, () => undoLeft(parts, tenant, left));
  }
  if (!isThere(tenant, wish)) {
    const { move, report } = await attempt(parts, tenant, wish, context);
    await whileAnswering(pools, tenant, move, () => finish(parts, tenant, move, context, report));
  } else if (left?.step !== 'switched') throw isThereAlready(tenant);
}

/**
 * Leaves a tenant where its record says that it is, and destroys what a move has left elsewhere. One whose new place is given up is at its
 * old place again.
 */
export async function undoMoveOf(parts: MoverParts, tenant: Tenant, context: MoveContext): Promise<void> {
  const { ledger, pools } = parts;
  const left = await ledger.find(tenant);
  if (left === undefined) return unseal(pools, tenant);
  await whileAnswering(pools, tenant, left, () => undoOrFinish(parts, tenant, left, context));
}

async function undoOrFinish(parts: MoverParts, tenant: Tenant, left: Move, context: MoveContext): Promise<void> {
  const { ledger } = parts;
  const givesUp = context.forget === true;
  if (left.step === 'switched') {
    const why = givesUp ? await whyLost(parts, tenant) : undefined;
    if (!isGone(why)) return finish(parts, tenant, left, context);
    // It is all that there is.
    if ((await whyLost(parts, at(tenant, left.origin))) !== undefined) throw isSilent(tenant, why);
    await ledger.switchBack(tenant, context.holder);
  } else await ledger.undo(tenant);
  await undoLeft(parts, at(tenant, left.origin), left, givesUp);
}

async function undoLeft(parts: MoverParts, tenant: Tenant, left: Move, givesUp = false): Promise<void> {
  try {
    await undoBegun(parts, tenant, left, { givesUp });
  } catch (error) {
    if (!isTenancyError(error, 'SERVER_UNAVAILABLE')) throw error;
    const { id } = tenant;
    const message =
      `The move of tenant "${id}" cannot be undone yet: ${error.message} Undo it when that can be reached. ` +
      `If the new place is gone for good, undoMove("${id}", { forget: true }) leaves it.`;
    throw new TenancyError('MOVE_FAILED', message, { tenant: id, cause: error });
  }
}

/** A tenant stays on its server, and in its isolation, where nothing else is said. */
function wishOf(
  { isolation, placement: { server } }: Tenant,
  { isolation: to, placement = {} }: MoveTarget,
): MoveTarget {
  const isNamed = placement.url === undefined && server !== undefined && server !== ownServer;
  return { isolation: to ?? isolation, placement: { ...(isNamed && { server }), ...placement } };
}

function isThere({ isolation, placement: now }: Tenant, { isolation: to, placement = {} }: MoveTarget): boolean {
  if (placement.url !== undefined || isolation !== to) return false;
  return Object.entries({ server: defaultServer, ...placement }).every(([name, value]) => now[name] === value);
}

function nothingLeft({ id }: Tenant): TenancyError {
  const message = `No process has left a move of tenant "${id}" unfinished. Say where to move it.`;
  return new TenancyError('TRANSITION_REFUSED', message, { tenant: id });
}
