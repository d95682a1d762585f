import { randomBytes } from 'node:crypto';
import {
  isTenancyError,
  type MoveProgress,
  type MoveStep,
  type MoveTarget,
  TenancyError,
  type Tenant,
} from '@omnitenant/core';
import { leaseLost, type MoveContext } from '@omnitenant/core/extend';
import { inArchiveSession } from '../archive/archive-session.ts';
import { appliedTo, exportTenant } from '../archive/export-tenant.ts';
import { importTenant } from '../archive/import-tenant.ts';
import { readSequences, writeSequences } from '../archive/sequences.ts';
import { readTenantTables } from '../archive/tenant-tables.ts';
import type { Move } from '../central/move-ledger.ts';
import { type Isolation, sharesTables } from '../placement/placement.ts';
import { at, type MoverParts, undoBegun } from './end-move.ts';
import { hasChanged } from './has-changed.ts';
import { copyOnline } from './online/copy-online.ts';
import { findOnline, type Online } from './online/find-online.ts';
import type { NotOnline } from './online/not-online.ts';
import { messageOf, serverFailure } from './reason.ts';
import { isSamePlace } from './same-place.ts';
import { seal, sealToken, unseal, unsealedTables } from './seal.ts';
import { whileAnswering } from './while-answering.ts';

/** A move that is to be finished, and what is told of it. */
export interface Attempted {
  readonly move: Move;
  readonly report: Omit<MoveProgress, 'step'>;
}

/** Brings a tenant to another place, and its record to naming that. What fails is undone. */
export async function attempt(
  parts: MoverParts,
  tenant: Tenant,
  wish: MoveTarget,
  context: MoveContext,
): Promise<Attempted> {
  const move = await plan(parts, tenant, wish);
  return whileAnswering(parts.pools, tenant, move, () => carryOut(parts, tenant, move, context));
}

async function carryOut(parts: MoverParts, tenant: Tenant, move: Move, context: MoveContext): Promise<Attempted> {
  if (await isSamePlace(parts, tenant, at(tenant, move.target))) throw isThereAlready(tenant);
  const online = await findOnline(parts, tenant, at(tenant, move.target), context.online);
  const report = 'why' in online ? { online: false, whyNotOnline: online.why } : { online: true };
  if (context.online === 'required' && 'why' in online) throw isNotOnline(tenant, online);
  await parts.ledger.begin(tenant, move);
  const readOnlyMs = await copy(parts, tenant, move, { context, online, report }).catch((error) =>
    settle(parts, tenant, move, error),
  );
  return { move, report: { ...report, readOnlyMs } };
}

/** Chooses the new place. There is nothing of it yet. */
async function plan(parts: MoverParts, tenant: Tenant, wish: MoveTarget): Promise<Move> {
  const { place, bind } = parts;
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
  return {
    token: sealToken(tenant, random),
    step: 'begun',
    wish,
    origin: { isolation, placement },
    target: { isolation: placed.isolation, placement: bound },
  };
}

/** How a tenant is copied, and who is told. */
interface Copying {
  readonly context: MoveContext;
  readonly online: Online | NotOnline;
  readonly report: Attempted['report'];
}

/** Returns for how long writes were refused, in milliseconds. */
async function copy(
  parts: MoverParts,
  tenant: Tenant,
  move: Move,
  { context, online, report }: Copying,
): Promise<number> {
  const { confirm, onProgress, signal, holder } = context;
  async function next(step: MoveStep, changedRows?: number): Promise<void> {
    if (signal?.aborted) throw interrupted(tenant);
    await confirm();
    onProgress?.({ step, ...report, ...(changedRows !== undefined && { changedRows }) });
  }
  const target = at(tenant, move.target);
  await next('create');
  await parts.storages[target.isolation as Isolation].create(target);
  // Before anything is read: in the same database, an index that is built concurrently waits for whoever reads.
  await parts.bringTo(target, await appliedTo(parts, tenant));
  const since = await ('why' in online
    ? copySealed(parts, tenant, move, next)
    : copyOnline({ ...online, parts, from: tenant, into: target, token: move.token, next }));
  await copySequences(parts, tenant, target);
  const [unsealed] = await unsealedTables(parts.pools, tenant, move.token);
  if (unsealed !== undefined) throw hasChanged(tenant, unsealed);
  await next('switch');
  await parts.ledger.switch(tenant, move, holder);
  return Math.round(performance.now() - since);
}

/** Copies a tenant that cannot be written to meanwhile. Returns when that began, by `performance.now()`. */
async function copySealed(
  parts: MoverParts,
  tenant: Tenant,
  move: Move,
  next: (step: MoveStep) => Promise<void>,
): Promise<number> {
  await next('seal');
  const since = await seal(parts.pools, tenant, move.token);
  await next('copy');
  const rows = exportTenant(parts, tenant);
  // What is read ends with what fails, and not before the tenant is written to again.
  await importTenant(parts, at(tenant, move.target), rows).finally(() => rows.return(undefined));
  return since;
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
async function settle(parts: MoverParts, tenant: Tenant, move: Move, error: unknown): Promise<undefined> {
  const { ledger } = parts;
  if (await ledger.undo(tenant, move.token)) {
    await undoBegun(parts, tenant, move, { token: move.token }).catch((cause) =>
      Promise.reject(notUndone(tenant, [error, cause])),
    );
    throw explained(tenant, error);
  }
  const now = await ledger.find(tenant);
  // The answer of the last step was lost.
  if (now?.token === move.token && now.step === 'switched') return undefined;
  await unseal(parts.pools, tenant, move.token);
  throw leaseLost(tenant.id);
}

/** What a tenant is copied with speaks of archives, and a server of itself. */
function explained({ id }: Tenant, error: unknown): unknown {
  const failure = serverFailure(error);
  if (failure !== undefined) {
    const message = `Tenant "${id}" could not be moved, and is where it was: ${failure}, and move it again.`;
    return new TenancyError('MOVE_FAILED', message, { tenant: id, cause: error });
  }
  if (!isTenancyError(error, 'ARCHIVE_INVALID') && !isTenancyError(error, 'ARCHIVE_REFUSED')) return error;
  const message = `Tenant "${id}" cannot be moved there, and is where it was. ${error.message}`;
  return new TenancyError('MOVE_FAILED', message, { tenant: id, cause: error });
}

function isNotOnline({ id }: Tenant, { why, remedy }: NotOnline): TenancyError {
  const message =
    `Tenant "${id}" cannot be written to while it is moved: ${why}. Nothing was changed. ` +
    `${remedy}; or move it with online: 'never', which refuses writes while its rows are copied.`;
  return new TenancyError('TRANSITION_REFUSED', message, { tenant: id });
}

/** The error for a tenant that is where it is to be moved. */
export function isThereAlready({ id }: Tenant): TenancyError {
  const message =
    `Tenant "${id}" already has this placement; nothing was moved. ` +
    "A server and a database may have several names, and a database of the tenant's own has no room for another place.";
  return new TenancyError('TRANSITION_REFUSED', message, { tenant: id });
}

function interrupted({ id }: Tenant): TenancyError {
  const message = `The move of tenant "${id}" was interrupted, and is undone. Move it again.`;
  return new TenancyError('MOVE_FAILED', message, { tenant: id });
}

function notUndone({ id }: Tenant, errors: readonly [unknown, unknown]): TenancyError {
  const [first, second] = errors;
  const message =
    `Tenant "${id}" could not be moved, and what was made for it could not be destroyed: ${messageOf(second)} It is where it was. ` +
    `Fix the cause; then undoMove("${id}") destroys the rest, or move("${id}") begins again. ` +
    `If the new place is gone for good, undoMove("${id}", { forget: true }) leaves it.`;
  const cause = isTenancyError(first) ? first : new AggregateError(errors, message);
  return new TenancyError('MOVE_FAILED', message, { tenant: id, cause });
}
