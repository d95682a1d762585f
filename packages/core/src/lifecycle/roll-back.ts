import { isTenancyError, mayPass, TenancyError } from '../errors/errors.ts';
import { isSameIncarnation } from '../models/incarnation.ts';
import { type Tenant, tenantSnapshot } from '../models/tenant.ts';
import { isUnfilled } from './awaiting-archive.ts';
import type { Lifecycle, Outcome } from './lifecycle.ts';
import type { StepFailure } from './steps.ts';
import { transitions } from './transitions.ts';

/**
 * Whether this process may undo what it did for a tenant: `granted`, `unknown` if the store did not answer, or else the record
 * that another process has changed.
 */
export type RollBackClaim<T extends Tenant> = T | 'granted' | 'unknown';

/** Marks the tenant as failed, so that no other process activates it while this one undoes what it did. */
export async function claimRollBack<T extends Tenant>(
  { records, store }: Lifecycle<T>,
  tenant: T,
  holder: string | undefined,
): Promise<RollBackClaim<T>> {
  try {
    await records.transit(tenant, transitions.fail, holder);
    return 'granted';
  } catch (error) {
    // If another process has deleted the record, what this one has created since must go, too; unless it may be a successor's by now.
    const ifGone = isTenancyError(error, 'TENANT_BUSY') ? 'unknown' : 'granted';
    return store.find(tenant.id).then(
      (found) => found ?? ifGone,
      () => 'unknown',
    );
  }
}

/** Deletes the record after everything was undone, or else leaves the tenant failed. */
export async function rollBack<T extends Tenant>(
  { records }: Lifecycle<T>,
  tenant: T,
  holder: string | undefined,
  { step, error, undoErrors }: StepFailure,
): Promise<Outcome<T>> {
  const { id } = tenant;
  const errors = [...undoErrors];
  if (errors.length === 0) await records.delete(tenant, holder).catch((undeleted) => errors.push(undeleted));
  if (errors.length === 0) {
    const advice = mayPass(error) ? 'try again' : 'fix the cause before you create it again';
    return { tenant, error: provisionFailed(id, step, `Everything was undone; ${advice}.`, error) };
  }
  const cause = new AggregateError([error, ...errors], 'A step failed, and so did undoing the steps before it.');
  const failed = tenantSnapshot({ ...tenant, status: transitions.fail.to });
  const state = `The steps before it could not be undone, and the tenant is left failed; ${repairAdvice(tenant)}`;
  return { tenant: failed, error: provisionFailed(id, step, state, cause) };
}

/** The outcome of a creation that this process may not undo. */
export function keepForOwner<T extends Tenant>(
  tenant: T,
  found: T | 'unknown',
  { step, error }: StepFailure,
): Outcome<T> {
  const { id } = tenant;
  const isRefused = isTenancyError(error, 'TRANSITION_REFUSED');
  // The store activated the tenant, and its answer was lost.
  const isOwn = found !== 'unknown' && isSameIncarnation(found, tenant);
  if (isOwn && found.status === 'active' && step === 'activate' && !isRefused) return { tenant: found };
  const isTaken = found !== 'unknown' && !transitions.reclaim.from.includes(found.status);
  const state = isTaken
    ? `Another process has repaired it: it is in status "${found.status}" and was left alone.`
    : `Nothing was undone, because the store did not say who owns the tenant now; ${repairAdvice(tenant)}`;
  return { tenant, error: provisionFailed(id, step, state, error) };
}

function provisionFailed(id: string, step: string, state: string, cause: unknown): TenancyError {
  const message = `Tenant "${id}" could not be created: "${step}" failed. ${state}`;
  return new TenancyError('PROVISION_FAILED', message, { tenant: id, cause });
}

function repairAdvice(tenant: Tenant): string {
  const { id } = tenant;
  if (isUnfilled(tenant)) return `remove it with repair("${id}", { clear: true }), and begin the import again.`;
  return `call repair("${id}") to finish it, or repair("${id}", { clear: true }) to remove it.`;
}
