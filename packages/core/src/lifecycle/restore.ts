import { isTenancyError, TenancyError } from '../errors/errors.ts';
import { isSameIncarnation } from '../models/incarnation.ts';
import type { Tenant, TenantChange } from '../models/tenant.ts';
import { outside } from '../scope/context.ts';
import { asFilled, awaitingArchive, isUnfilled } from './awaiting-archive.ts';
import { changeStatus } from './change-record.ts';
import { handOver, type KeepArchive } from './hand-over.ts';
import { load, openArchiveOf } from './import.ts';
import { conclude, type Lifecycle, type Outcome } from './lifecycle.ts';
import { refuseAdopted } from './reset.ts';
import { destroySteps, runSteps, type Step, storageSteps } from './steps.ts';
import { requireStatus, transitions } from './transitions.ts';

/**
 * Replaces a tenant's data by that of an archive, after what it had was handed over. The record stays. The tenant is under maintenance meanwhile;
 * where that fails or the process ends, it stays closed and is marked, because its data is not there: then restore it again.
 */
export async function restoreTenant<T extends Tenant>(
  lifecycle: Lifecycle<T>,
  id: string,
  bytes: AsyncIterable<Uint8Array>,
  keep: KeepArchive,
): Promise<T> {
  const { records, signals, resources } = lifecycle;
  const archive = await openArchiveOf(lifecycle, bytes, id);
  try {
    const stored = await records.read(id);
    const archived = { id, createdAt: new Date(archive.manifest.tenant.createdAt) };
    if (!isSameIncarnation(archived, stored)) throw ofEarlierTenant(id);
    requireStatus(stored, transitions.reset.from);
    await refuseAdopted(lifecycle, stored, 'restored');
    await signals.emitBefore('restoring', { tenant: stored });
    const closed = stored.status === 'active' ? await changeStatus(lifecycle, id, 'startMaintenance') : stored;
    // What an attempt that did not end has left was handed over before it.
    if (!isUnfilled(closed)) await handOver(lifecycle, id, keep);
    const outcome = await lifecycle.exclusively(id, 'restore', async ({ holder, confirm }): Promise<Outcome<T>> => {
      const marked = { placement: awaitingArchive(closed.placement) } as TenantChange<T>;
      const tenant = await records.transit(closed, transitions.restore, holder, marked, closed.updatedAt);
      const kept = resources.filter((resource) => resource.import !== undefined);
      const steps: Step[] = [
        ...destroySteps(tenant, kept),
        ...storageSteps(tenant, kept, { kind: 'import', load: (filled) => load(archive, lifecycle, filled) }),
        ...resources.map(({ name, restored }) => ({ name: `${name}.restored`, run: async () => restored?.(tenant) })),
      ];
      const failure = await runSteps(id, steps, { confirm, mayUndo: async () => false });
      if (failure === undefined) {
        const opened = stored.status === 'active' ? transitions.resume : transitions.restore;
        return { tenant: await records.transit(tenant, opened, holder, await asFilled<T>(records, id)) };
      }
      if (isTenancyError(failure.error, 'TENANT_BUSY')) throw failure.error;
      return { tenant, error: restoreFailed(id, failure.step, failure.error) };
    });
    return await conclude(lifecycle, outcome, 'restored');
  } finally {
    await outside(() => archive.close());
  }
}

/** The customer who had the id before may have been another one. */
function ofEarlierTenant(id: string): TenancyError {
  const message = `This archive is of an earlier tenant "${id}", which may have been another customer. Nothing was changed. Import it beside the present one, as another id.`;
  return new TenancyError('ARCHIVE_INVALID', message, { tenant: id });
}

function restoreFailed(id: string, step: string, cause: unknown): TenancyError {
  const message =
    `Tenant "${id}" could not be restored: "${step}" failed. It stays closed, because its data is not there; what it had was handed over before. ` +
    'Fix the cause, and restore it again: from this archive, or from the one with what it had.';
  return new TenancyError('PROVISION_FAILED', message, { tenant: id, cause });
}
