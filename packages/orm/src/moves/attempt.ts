import { randomBytes } from 'node:crypto';
import { isTenancyError, type MoveStep, type MoveTarget, TenancyError, type Tenant } from '@omnitenant/core';
import { leaseLost, type MoveContext } from '@omnitenant/core/extend';
import { inArchiveSession } from '../archive/archive-session.ts';
import { exportTenant } from '../archive/export-tenant.ts';
import { importTenant } from '../archive/import-tenant.ts';
import { readSequences, writeSequences } from '../archive/sequences.ts';
import { readTenantTables } from '../archive/tenant-tables.ts';
import type { Move } from '../central/move-ledger.ts';
import { type Isolation, sharesTables } from '../placement/placement.ts';
import { at, type MoverParts, undoBegun } from './end-move.ts';
import { isSamePlace } from './same-place.ts';
import { seal, sealToken, unseal, unsealedTables } from './seal.ts';

/** Brings a tenant to another place, and its record to naming that. What fails is undone. Returns the move, which is to be finished. */
export async function attempt(
  parts: MoverParts,
  tenant: Tenant,
  wish: MoveTarget,
  context: MoveContext,
): Promise<Move> {
  const move = await begin(parts, tenant, wish);
  await copy(parts, tenant, move, context).catch((error) => settle(parts, tenant, move, error));
  return move;
}

/** Chooses the new place, and writes the move down before there is anything of it. */
async function begin(parts: MoverParts, tenant: Tenant, wish: MoveTarget): Promise<Move> {
  const { place, bind, ledger } = parts;
  const { id, config, isolation, placement } = tenant;
  const placed = await place({ id, config, isolation: wish.isolation, placement: wish.placement });
  const random = randomBytes(6).toString('hex');
  const { url, role } = placed.placement;
  const bound = {
    ...placed.placement,
    ...(url !== undefined && { url: await bind(id, url) }),
    // Both places are there for a while, and roles are the server's.
    ...(!sharesTables(placed) &&
      role !== undefined &&
      role === placement.role && { role: `${role.slice(0, 50)}_${random}` }),
  };
  const move: Move = {
    token: sealToken(tenant, random),
    step: 'begun',
    wish,
    origin: { isolation, placement },
    target: { isolation: placed.isolation, placement: bound },
  };
  if (await isSamePlace(parts, tenant, at(tenant, move.target))) throw isThereAlready(tenant);
  await ledger.begin(tenant, move);
  return move;
}

async function copy(parts: MoverParts, tenant: Tenant, move: Move, context: MoveContext): Promise<void> {
  const { confirm, onProgress, signal, holder } = context;
  async function next(step: MoveStep): Promise<void> {
    if (signal?.aborted) throw interrupted(tenant);
    await confirm();
    onProgress?.({ step });
  }
  const target = at(tenant, move.target);
  await next('create');
  await parts.storages[target.isolation as Isolation].create(target);
  await next('seal');
  await seal(parts.pools, tenant, move.token);
  await next('copy');
  const rows = exportTenant(parts, tenant);
  // What is read ends with what fails, and not before the tenant is written to again.
  await importTenant(parts, target, rows).finally(() => rows.return(undefined));
  await copySequences(parts, tenant, target);
  const [unsealed] = await unsealedTables(parts.pools, tenant, move.token);
  if (unsealed !== undefined) throw hasChanged(tenant, unsealed);
  await next('switch');
  await parts.ledger.switch(tenant, move, holder);
}

/** A seal keeps nobody from taking values of sequences, so they are read once more when all else is done. */
async function copySequences(parts: MoverParts, from: Tenant, to: Tenant): Promise<void> {
  const logTable = await parts.logTable();
  const values = await inArchiveSession(parts, from, 'read', async (session) =>
    readSequences(session, (await readTenantTables(session, logTable)).sequences),
  );
  await inArchiveSession(parts, to, 'write', (session) => writeSequences(session, values));
}

/** Ends an attempt that has failed: it is undone, unless it is known to have succeeded or to be another process's. */
async function settle(parts: MoverParts, tenant: Tenant, move: Move, error: unknown): Promise<void> {
  const { ledger } = parts;
  if (await ledger.undo(tenant, move.token)) {
    await undoBegun(parts, tenant, move, move.token).catch((cause) =>
      Promise.reject(notUndone(tenant, [error, cause])),
    );
    throw explained(tenant, error);
  }
  const now = await ledger.find(tenant);
  // The answer of the last step was lost.
  if (now?.token === move.token && now.step === 'switched') return;
  await unseal(parts.pools, tenant, move.token);
  throw leaseLost(tenant.id);
}

/** What a tenant is copied with speaks of archives. */
function explained({ id }: Tenant, error: unknown): unknown {
  if (!isTenancyError(error, 'ARCHIVE_INVALID') && !isTenancyError(error, 'ARCHIVE_REFUSED')) return error;
  const message = `Tenant "${id}" cannot be moved there, and is where it was. ${error.message}`;
  return new TenancyError('MOVE_FAILED', message, { tenant: id, cause: error });
}

/** The error for a tenant that is where it is to be moved. */
export function isThereAlready({ id }: Tenant): TenancyError {
  const message =
    `Tenant "${id}" already has this placement; nothing was moved. ` +
    "A server and a database may have several names, and a database of the tenant's own has no room for another place.";
  return new TenancyError('TRANSITION_REFUSED', message, { tenant: id });
}

function hasChanged({ id }: Tenant, table: string): TenancyError {
  const message =
    `Tenant "${id}" could not be moved, and is where it was: its table "${table}" was made or changed while it was copied. ` +
    'Move it again when its tables stay as they are.';
  return new TenancyError('MOVE_FAILED', message, { tenant: id });
}

function interrupted({ id }: Tenant): TenancyError {
  const message = `The move of tenant "${id}" was interrupted, and is undone. Move it again.`;
  return new TenancyError('MOVE_FAILED', message, { tenant: id });
}

function notUndone({ id }: Tenant, errors: readonly unknown[]): TenancyError {
  const message =
    `Tenant "${id}" could not be moved, and what was made for it could not be destroyed. It is where it was. ` +
    `Fix the cause; then undoMove("${id}") destroys the rest, or move("${id}") begins again.`;
  const [first] = errors;
  const cause = isTenancyError(first) ? first : new AggregateError(errors, message);
  return new TenancyError('MOVE_FAILED', message, { tenant: id, cause });
}
