import type { ArchiveManifest } from '../archive/archive-part.ts';
import type { OpenArchive } from '../archive/read-archive.ts';
import { isTenancyError, TenancyError } from '../errors/errors.ts';
import { isSameIncarnation } from '../models/incarnation.ts';
import type { Tenant, TenantChange } from '../models/tenant.ts';
import { outside } from '../scope/context.ts';
import { asFilled, awaitingArchive, isUnfilled } from './awaiting-archive.ts';
import { closeTenant } from './close-tenant.ts';
import type { HeldLease } from './exclusive.ts';
import { handOver, type KeepArchive } from './hand-over.ts';
import { check, load, openArchiveOf } from './import.ts';
import { conclude, type Lifecycle, type Outcome } from './lifecycle.ts';
import { refuseAdopted } from './reset.ts';
import { destroySteps, runSteps, type Step, storageSteps } from './steps.ts';
import { requireStatus, transitions } from './transitions.ts';

/** Opens an archive from its beginning, each time that it is called. */
export type OpenArchiveBytes = () => AsyncIterable<Uint8Array> | Promise<AsyncIterable<Uint8Array>>;

/**
 * Replaces a tenant's data by that of an archive, after that was checked and what the tenant had was handed over. The record stays. The tenant is
 * under maintenance meanwhile. What fails before anything was replaced opens it again; what fails later, or ends with its process, leaves it
 * closed and marked, because its data is not there: then restore it again.
 */
export async function restoreTenant<T extends Tenant>(
  lifecycle: Lifecycle<T>,
  id: string,
  open: OpenArchiveBytes,
  keep: KeepArchive,
): Promise<T> {
  const { records, signals } = lifecycle;
  const stored = await records.read(id);
  requireStatus(stored, transitions.reset.from);
  await refuseAdopted(lifecycle, stored, 'restored');
  const checked = await withArchive(lifecycle, stored, open, async (archive) => {
    await check(archive, lifecycle, stored);
    return archive.manifest;
  });
  await signals.emitBefore('restoring', { tenant: stored });
  const closed = await closeTenant(lifecycle, stored, 'startMaintenance');
  const wasOpen = stored.status === 'active';
  let outcome: Outcome<T>;
  let isReplacing = false;
  try {
    // What an attempt that did not end has left was handed over before it.
    if (!isUnfilled(closed)) await handOver(lifecycle, id, keep);
    outcome = await lifecycle.exclusively(id, 'restore', (lease) =>
      withArchive(lifecycle, stored, open, async (archive) => {
        refuseOther(id, archive.manifest, checked);
        const marked = { placement: awaitingArchive(closed.placement) } as TenantChange<T>;
        const tenant = await records.transit(closed, transitions.restore, lease.holder, marked, closed.updatedAt);
        isReplacing = true;
        return replaceData(lifecycle, tenant, archive, { ...lease, wasOpen });
      }),
    );
  } catch (error) {
    if (wasOpen && !isReplacing) await openAgain(lifecycle, closed);
    throw error;
  }
  const tenant = await conclude(lifecycle, outcome, 'restored');
  if (wasOpen) await signals.emit('resumed', { tenant });
  return tenant;
}

async function replaceData<T extends Tenant>(
  lifecycle: Lifecycle<T>,
  tenant: T,
  archive: OpenArchive,
  { holder, confirm, wasOpen }: HeldLease & { readonly wasOpen: boolean },
): Promise<Outcome<T>> {
  const { records, resources } = lifecycle;
  const { id } = tenant;
  const kept = resources.filter((resource) => resource.import !== undefined);
  const steps: Step[] = [
    ...destroySteps(tenant, kept),
    ...storageSteps(tenant, kept, { kind: 'import', load: (filled) => load(archive, lifecycle, filled) }),
    ...resources.map(({ name, restored }) => ({ name: `${name}.restored`, run: async () => restored?.(tenant) })),
  ];
  const failure = await runSteps(id, steps, { confirm, mayUndo: async () => false });
  if (failure === undefined) {
    const opened = wasOpen ? transitions.resume : transitions.restore;
    return { tenant: await records.transit(tenant, opened, holder, await asFilled<T>(records, id)) };
  }
  if (isTenancyError(failure.error, 'TENANT_BUSY')) throw failure.error;
  return { tenant, error: restoreFailed(id, failure.step, failure.error) };
}

/** Reads an archive that has this very tenant's own data. */
async function withArchive<T extends Tenant, R>(
  lifecycle: Lifecycle<T>,
  stored: T,
  open: OpenArchiveBytes,
  read: (archive: OpenArchive) => Promise<R>,
): Promise<R> {
  const { id } = stored;
  const archive = await openArchiveOf(lifecycle, await open(), id);
  try {
    const { tenant, anonymised } = archive.manifest;
    if (!isSameIncarnation({ id, createdAt: new Date(tenant.createdAt) }, stored)) throw ofEarlierTenant(id);
    if (anonymised) throw isAnonymised(id);
    return await read(archive);
  } finally {
    await outside(() => archive.close());
  }
}

/** Undoes the closing. Whoever has changed the tenant since decides about it. */
async function openAgain<T extends Tenant>({ records, signals }: Lifecycle<T>, closed: T): Promise<void> {
  try {
    const tenant = await records.transit(closed, transitions.resume, undefined, undefined, closed.updatedAt);
    await signals.emit('resumed', { tenant });
  } catch {
    // The failure that led here is what the caller is told.
  }
}

/** What was kept may have been written where the archive was. */
function refuseOther(id: string, now: ArchiveManifest, checked: ArchiveManifest): void {
  if (JSON.stringify(now) === JSON.stringify(checked)) return;
  const message = `The archive of tenant "${id}" is another one than was checked, as where what the tenant had was written in its place. Nothing was replaced.`;
  throw new TenancyError('ARCHIVE_INVALID', message, { tenant: id });
}

/** The customer who had the id before may have been another one. */
function ofEarlierTenant(id: string): TenancyError {
  const message = `This archive is of an earlier tenant "${id}", which may have been another customer. Nothing was changed. Import it beside the present one, as another id.`;
  return new TenancyError('ARCHIVE_INVALID', message, { tenant: id });
}

function isAnonymised(id: string): TenancyError {
  const message = `This archive of tenant "${id}" is anonymised: invented values would replace the real ones. Nothing was changed. Import it as another id.`;
  return new TenancyError('ARCHIVE_INVALID', message, { tenant: id });
}

function restoreFailed(id: string, step: string, cause: unknown): TenancyError {
  const message =
    `Tenant "${id}" could not be restored: "${step}" failed. It stays closed, because its data is not there; what it had was handed over before. ` +
    'Fix the cause, and restore it again: from this archive, or from the one with what it had.';
  return new TenancyError('PROVISION_FAILED', message, { tenant: id, cause });
}
