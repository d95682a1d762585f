import { outside } from '@omnitenant/core';
import type { Job } from 'bullmq';
import { ownerIn } from '../jobs/owned-options.ts';
import { type JobScopes, runInJobScope } from './job-scope.ts';

type Handler = () => unknown;

/** Whether it is a job whose scope can be found. */
export function hasScope(job: unknown, { tenantOf }: Pick<JobScopes<Job>, 'tenantOf'>): job is Job {
  if (typeof job !== 'object' || job === null || !('opts' in job)) return false;
  const { opts } = job;
  return typeof opts === 'object' && opts !== null && (ownerIn(opts) !== undefined || tenantOf !== undefined);
}

/**
 * Runs the handlers of an event in the scope of its job, which lasts until all of them have settled. If the tenant cannot be entered,
 * they run outside all scopes. Resolves to what they threw.
 */
export async function handleInJobScope(
  job: Job,
  scopes: JobScopes<Job>,
  handlers: readonly Handler[],
): Promise<unknown[]> {
  let entered = false;
  const errors: unknown[] = [];
  async function handle() {
    entered = true;
    for (const settled of await Promise.allSettled(handlers.map(async (handler) => handler()))) {
      if (settled.status === 'rejected') errors.push(settled.reason);
    }
  }
  try {
    await runInJobScope(job, scopes, handle);
  } catch (error) {
    if (entered) errors.push(error);
    else await outside(handle);
  }
  return errors;
}
