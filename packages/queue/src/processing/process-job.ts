import { isTenancyError, type Tenancy, type TenancyError, type Tenant } from '@omnitenant/core';
import { parseIncarnation } from '@omnitenant/core/extend';
import { type IQueueBackend, type Job, RateLimitError } from 'bullmq';
import { ownerIn } from '../jobs/owned-options.ts';
import { eachTenant } from '../jobs/owner.ts';
import type { Holding } from './holding.ts';
import { type JobScopes, runInJobScope } from './job-scope.ts';

/** The options of a worker that are about tenants. */
export interface JobScopeOptions extends JobScopes<Job> {
  readonly tenancy: Pick<Tenancy, 'run' | 'central' | 'tenants'>;
  /**
   * What to do with jobs of a tenant that is suspended or in maintenance. `hold` holds them back, without counting an attempt.
   * Default `hold`.
   */
  readonly closedTenants?: 'hold' | 'fail' | undefined;
  /** How long to hold a job back before it is tried again. Default 60 000. */
  readonly holdForMs?: number | undefined;
}

const defaultHoldMs = 60_000;

/** The members that are used of a worker. */
interface JobWorker {
  readonly opts: JobScopeOptions;
  readonly backend: Pick<IQueueBackend, 'getJobSchedulerData' | 'removeJobScheduler'>;
  readonly holding: Holding;
}

/** Processes a job in its scope. If its tenant cannot be entered, or is held back, the job is held, or fails for good. */
export async function processJob<R>(
  job: Job,
  token: string,
  worker: JobWorker,
  work: (tenant: Tenant | undefined) => R,
): Promise<Awaited<R>> {
  const { holding, opts } = worker;
  const untilMs = holding.untilMs(job);
  if (untilMs > Date.now()) return holding.hold(job, token, untilMs, { started: false });
  let started = false;
  try {
    return await runInJobScope(job, opts, (tenant) => {
      started = true;
      return work(tenant);
    });
  } catch (error) {
    if (isRateLimit(error) && holding.holds(job))
      return holding.hold(job, token, holding.untilMs(job), { started: true });
    if (!isTenancyError(error) || (started && !isFanOutCutShort(error, job))) throw error;
    if (await isTemporary(error, job, worker)) {
      return holding.hold(job, token, Date.now() + (opts.holdForMs ?? defaultHoldMs), { started });
    }
    await failForGood(error, job, worker);
    throw error;
  }
}

/** A retry would fail the same way. What belongs to a tenant that was removed is not kept. */
async function failForGood({ code }: TenancyError, job: Job, { backend }: JobWorker): Promise<void> {
  job.opts.attempts = 1;
  if (code !== 'TENANT_UNKNOWN' || ownerIn(job.opts) === undefined) return;
  job.opts.removeOnFail = true;
  if (job.repeatJobKey !== undefined) await backend.removeJobScheduler(job.repeatJobKey);
}

function isRateLimit(error: unknown): boolean {
  return error instanceof Error && error.message === new RateLimitError().message;
}

/** Whether a schedule for all tenants did not reach all of them. It continues later, where it stopped. */
function isFanOutCutShort(error: TenancyError, { opts }: Job): boolean {
  return ownerIn(opts) === eachTenant && isOutage(error);
}

function isOutage({ code }: TenancyError): boolean {
  return code === 'STORE_UNAVAILABLE' || code === 'SERVER_UNAVAILABLE';
}

async function isTemporary(error: TenancyError, job: Job, { opts, backend }: JobWorker): Promise<boolean> {
  const { tenancy, closedTenants, holdForMs = defaultHoldMs } = opts;
  if (isOutage(error)) return true;
  const { code } = error;
  if (code === 'TENANT_SUSPENDED' || code === 'TENANT_MAINTENANCE') {
    return closedTenants !== 'fail' && !(await isOvertaken(job, backend));
  }
  const incarnation = parseIncarnation(ownerIn(job.opts) ?? '');
  if (code !== 'TENANT_UNKNOWN' || incarnation === undefined) return false;
  // This process may have looked the tenant up before it was created, and remember that there was none, or an earlier one.
  const found = await tenancy.tenants.tryGet(incarnation.id);
  if (found === undefined) return Date.now() - incarnation.createdAtMs < holdForMs;
  return found.createdAt.getTime() < incarnation.createdAtMs;
}

/**
 * Whether a later occurrence of the job's schedule is due. Only the latest is held, so that the occurrences of a closed tenant
 * do not pile up.
 */
async function isOvertaken({ repeatJobKey, opts }: Job, backend: JobWorker['backend']): Promise<boolean> {
  const own = (opts as { readonly repeat?: { readonly count?: number } }).repeat?.count;
  if (repeatJobKey === undefined || own === undefined) return false;
  const { ic } = await backend.getJobSchedulerData(repeatJobKey);
  // BullMQ counts the occurrences that were due, and the next one.
  return Number(ic) > own + 1;
}
