import { isTenancyError, type Tenancy, TenancyError } from '@omnitenant/core';
import { DelayedError, type Job } from 'bullmq';
import { central, eachTenant, parseStamp, stampIn } from './stamp.ts';

export interface AdmissionOptions {
  readonly tenancy: Pick<Tenancy, 'run' | 'central' | 'tenants'>;
  /** What becomes of jobs whose tenant is suspended or under maintenance. Default `hold`: they wait, and no attempt is counted. */
  readonly closedTenants?: 'hold' | 'fail';
  /** Milliseconds after which a job that is held is tried again. Default 60 000. */
  readonly holdFor?: number;
}

const defaultHold = 60_000;

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
  const named = stamp === undefined ? undefined : parseStamp(stamp);
  if (named === undefined) {
    const message = `The job "${id}" (${name}) says of no tenant that it is its own; add jobs through a Queue of @omnitenant/queue.`;
    throw new TenancyError('JOB_WITHOUT_TENANT', message);
  }
  return tenancy.run(named.id, (tenant) => {
    if (tenant.createdAt.getTime() === named.createdAt) return work();
    const message = `The job "${id}" (${name}) is not of this tenant "${tenant.id}", but of another that had the same id.`;
    throw new TenancyError('TENANT_UNKNOWN', message, { tenant: tenant.id });
  });
}

/** Does a job in its scope; where its tenant cannot be entered, the job is held or fails for good. */
export async function admit<R>(job: Job, token: string, options: AdmissionOptions, work: () => R): Promise<Awaited<R>> {
  let begun = false;
  try {
    return await inScopeOf(job, options, () => {
      begun = true;
      return work();
    });
  } catch (error) {
    if (begun || !isTenancyError(error)) throw error;
    if (await isPassing(error, job, options)) {
      await job.moveToDelayed(Date.now() + (options.holdFor ?? defaultHold), token);
      throw new DelayedError();
    }
    // Trying again would not help.
    job.opts.attempts = 1;
    throw error;
  }
}

async function isPassing({ code }: TenancyError, job: Job, options: AdmissionOptions): Promise<boolean> {
  const { tenancy, closedTenants, holdFor = defaultHold } = options;
  if (code === 'STORE_UNAVAILABLE') return true;
  if (code === 'TENANT_SUSPENDED' || code === 'TENANT_MAINTENANCE') return closedTenants !== 'fail';
  const named = parseStamp(stampIn(job.opts) ?? '');
  if (code !== 'TENANT_UNKNOWN' || named === undefined) return false;
  // This process may have looked the tenant up before it was made, and found nothing, or the one that had the id before.
  const found = await tenancy.tenants.tryGet(named.id);
  return found === undefined ? Date.now() - named.createdAt < holdFor : found.createdAt.getTime() < named.createdAt;
}
