import { isTenancyError, mayPass, TenancyError, tenantOutdated } from '../errors/errors.ts';
import { isSameIncarnation } from '../models/incarnation.ts';
import type { Tenant } from '../models/tenant.ts';
import type { MoveContext, MoveTarget, ResourceVerbs } from '../resource.ts';
import { outside } from '../scope/context.ts';
import { refuseUnfilled } from './awaiting-archive.ts';
import { conclude, type Lifecycle, type Outcome } from './lifecycle.ts';
import { requireSupport } from './refused.ts';
import { migratable, requireStatus } from './transitions.ts';

/** How a tenant is moved. */
export type MoveOptions = Partial<Pick<MoveContext, 'onProgress' | 'signal' | 'online'>>;

/** How a move is undone. */
export interface UndoMoveOptions {
  /**
   * Give up a place that cannot be reached, because its server is gone for good: what the move has copied there, or the old place. If the
   * tenant was at the new place already, it is at the old one again, without what was written since.
   */
  readonly forget?: boolean | undefined;
}

/** Moves a tenant's storage; without a target, goes on with a move that a process has left. */
export async function moveTenant<T extends Tenant>(
  lifecycle: Lifecycle<T>,
  id: string,
  target: MoveTarget | undefined,
  { onProgress, signal, online }: MoveOptions = {},
): Promise<T> {
  const stored = await lifecycle.records.read(id);
  const mover = moverOf(lifecycle, stored);
  await lifecycle.signals.emitBefore('moving', { tenant: stored, target });
  const outcome = await lifecycle.exclusively(id, 'move', ({ holder, confirm }) =>
    underLease(lifecycle, stored, (tenant) =>
      mover.move?.(tenant, target, { holder, confirm, onProgress, signal, online }),
    ),
  );
  return conclude(lifecycle, outcome, 'moved');
}

/** Undoes a move that a process has left before the tenant was at its new place. */
export async function undoMove<T extends Tenant>(
  lifecycle: Lifecycle<T>,
  id: string,
  { forget }: UndoMoveOptions = {},
): Promise<T> {
  const stored = await lifecycle.records.read(id);
  const mover = moverOf(lifecycle, stored);
  const { tenant, error } = await lifecycle.exclusively(id, 'move', ({ holder, confirm }) =>
    underLease(lifecycle, stored, (now) => mover.undoMove?.(now, { holder, confirm, forget })),
  );
  if (error !== undefined) throw error;
  return tenant;
}

async function underLease<T extends Tenant>(
  { records }: Lifecycle<T>,
  stored: T,
  act: (tenant: T) => Promise<void> | undefined,
): Promise<Outcome<T>> {
  const { id } = stored;
  const tenant = await records.read(id);
  if (!isSameIncarnation(tenant, stored)) throw tenantOutdated(id);
  requireStatus(tenant, migratable);
  refuseUnfilled(tenant);
  try {
    await outside(async () => act(tenant));
    return { tenant: await records.read(id) };
  } catch (cause) {
    if (!isTenancyError(cause)) return { tenant, error: moveFailed(id, cause) };
    if (cause.status < 500) throw cause;
    return { tenant, error: cause };
  } finally {
    await records.moved(id);
  }
}

function moverOf<T extends Tenant>({ resources }: Lifecycle<T>, tenant: T): ResourceVerbs {
  requireStatus(tenant, migratable);
  requireSupport(resources, 'move', tenant.id);
  const mover = resources.find(({ move }) => move !== undefined);
  if (mover !== undefined) return mover;
  throw new TenancyError('ISOLATION_UNKNOWN', `Tenant "${tenant.id}" cannot be moved: no resource moves tenants.`, {
    tenant: tenant.id,
  });
}

function moveFailed(id: string, cause: unknown): TenancyError {
  const advice = mayPass(cause) ? 'Move it again.' : 'Fix the cause and move it again.';
  const message = `Tenant "${id}" could not be moved. Nothing is lost. ${advice}`;
  return new TenancyError('MOVE_FAILED', message, { tenant: id, cause });
}
