import { type MoveTarget, TenancyError, type Tenant } from '@omnitenant/core';
import type { MoveContext } from '@omnitenant/core/extend';
import { defaultServer, ownServer } from '../placement/placement.ts';
import { attempt, isThereAlready } from './attempt.ts';
import { finish, type MoverParts, undoBegun } from './end-move.ts';
import { unseal } from './seal.ts';

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
  const { ledger } = parts;
  const left = await ledger.find(tenant);
  const wish = target === undefined ? left?.wish : wishOf(tenant, target);
  if (wish === undefined) throw nothingLeft(tenant);
  if (left?.step === 'switched') await finish(parts, tenant, left, context);
  else if (left) {
    await ledger.undo(tenant);
    await undoBegun(parts, tenant, left);
  }
  if (!isThere(tenant, wish)) {
    const { move, report } = await attempt(parts, tenant, wish, context);
    await finish(parts, tenant, move, context, report);
  } else if (left?.step !== 'switched') throw isThereAlready(tenant);
}

/** Leaves a tenant where its record says that it is, and destroys what a move has left elsewhere. */
export async function undoMoveOf(parts: MoverParts, tenant: Tenant, context: MoveContext): Promise<void> {
  const left = await parts.ledger.find(tenant);
  if (left?.step === 'switched') return finish(parts, tenant, left, context);
  if (left === undefined) return unseal(parts.pools, tenant);
  await parts.ledger.undo(tenant);
  await undoBegun(parts, tenant, left);
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
