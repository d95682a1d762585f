import { isTenancyError, type Tenancy, TenancyError } from '@omnitenant/core';
import { DelayedError, type IQueueBackend, type Job } from 'bullmq';
import { central, createdIn, eachTenant, stampIn, stampOf, tenantIn } from '../jobs/owner.ts';

export interface AdmissionOptions {
  readonly tenancy: Pick<Tenancy, 'run' | 'central' | 'tenants'>;
  /** What becomes of jobs whose tenant is suspended or under maintenance. Default `hold`: they wait, and no attempt is counted. */
  readonly closedTenants?: 'hold' | 'fail';
  /** Milliseconds after which a job that is held is tried again. Default 60 000. */
  readonly holdFor?: number;
}

const defaultHold = 60_000;

/** The worker that a job is done by. */
interface Admitting {
  readonly opts: AdmissionOptions;
  readonly backend: Pick<IQueueBackend, 'getJobSchedulerData'>;
}

interface StampedJob {
  readonly id?: string;
  readonly name: string;
  readonly opts: object;
}

/**
 * Runs `work` in the scope that the job was added in. Rejects as `run` does, also where the tenant went and another has its id.
 * @throws JOB_WITHOUT_TENANT.
 */
export function inScopeOf<R>(
  { opts, id, name }: StampedJob,
  { tenancy }: Pick<AdmissionOptions, 'tenancy'>,
  work: () => R,
): Promise<Awaited<R>> {
  const stamp = stampIn(opts);
  if (stamp === central || stamp === eachTenant) return tenancy.central(work);
  const named = stamp === undefined ? undefined : tenantIn(stamp);
  if (named === undefined) {
    const message = `The job "${id}" (${name}) says of no tenant that it is its own; add jobs through a Queue of @omnitenant/queue.`;
    throw new TenancyError('JOB_WITHOUT_TENANT', message);
  }
  return tenancy.run(named, (tenant) => {
    if (stampOf(tenant) === stamp) return work();
    const message = `The job "${id}" (${name}) is not of this tenant "${tenant.id}", but of another that had the same id.`;
    throw new TenancyError('TENANT_UNKNOWN', message, { tenant: tenant.id });
  });
}

/** Does a job in its scope; where its tenant cannot be entered, the job is held or fails for good. */
export async function admit<R>(job: Job, token: string, worker: Admitting, work: () => R): Promise<Awaited<R>> {
  let begun = false;
  try {
    return await inScopeOf(job, worker.opts, () => {
      begun = true;
      return work();
    });
  } catch (error) {
    if (!isTenancyError(error) || (begun && !isCutShort(error, job))) throw error;
    if (await isPassing(error, job, worker)) {
      await job.moveToDelayed(Date.now() + (worker.opts.holdFor ?? defaultHold), token);
      throw new DelayedError();
    }
    // Trying again would not help.
    job.opts.attempts = 1;
    throw error;
  }
}

/** Whether a schedule for all tenants did not get to all of them, and goes on later where it was. */
function isCutShort(error: TenancyError, { opts }: Job): boolean {
  return stampIn(opts) === eachTenant && isOutage(error);
}

function isOutage({ code }: TenancyError): boolean {
  return code === 'STORE_UNAVAILABLE' || code === 'SERVER_UNAVAILABLE';
}

async function isPassing(error: TenancyError, job: Job, { opts, backend }: Admitting): Promise<boolean> {
  const { tenancy, closedTenants, holdFor = defaultHold } = opts;
  if (isOutage(error)) return true;
  const { code } = error;
  if (code === 'TENANT_SUSPENDED' || code === 'TENANT_MAINTENANCE') {
    return closedTenants !== 'fail' && !(await isOvertaken(job, backend));
  }
  const stamp = stampIn(job.opts) ?? '';
  const id = tenantIn(stamp);
  if (code !== 'TENANT_UNKNOWN' || id === undefined) return false;
  // This process may have looked the tenant up before it was made, and found nothing, or the one that had the id before.
  const found = await tenancy.tenants.tryGet(id);
  return found === undefined ? Date.now() - createdIn(stamp) < holdFor : found.createdAt.getTime() < createdIn(stamp);
}

/** Whether a later occurrence of the job's schedule has come: of those only one is held, or a closed tenant's would heap up. */
async function isOvertaken({ repeatJobKey, opts }: Job, backend: Admitting['backend']): Promise<boolean> {
  const own = (opts as { readonly repeat?: { readonly count?: number } }).repeat?.count;
  if (repeatJobKey === undefined || own === undefined) return false;
  const { ic } = await backend.getJobSchedulerData(repeatJobKey);
  // The count of what has come, and the next.
  return Number(ic) > own + 1;
}
