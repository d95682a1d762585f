import type { IQueueBackend } from 'bullmq';
import { ownerIn } from '../jobs/owned-options.ts';
import { crossTenant, isTenant, type Owner } from '../jobs/owner.ts';

/** The calls that take a job, or its id, to change it or to read what came of it. */
const ofJobs = [
  'addLog',
  'changeDelay',
  'changePriority',
  'clearLogs',
  'getDependencies',
  'getIgnoredChildrenFailures',
  'getProcessedChildrenValues',
  'promote',
  'remove',
  'removeChildDependency',
  'removeUnprocessedChildren',
  'retryFinishedJob',
  'updateData',
  'updateProgress',
] as const satisfies readonly (keyof IQueueBackend)[];

type Named = string | { readonly id?: string; readonly opts?: object };
type Call = (job: Named, ...rest: unknown[]) => unknown;

/**
 * Refuses the jobs of others in a tenant's scope, also where BullMQ asks for no owner: a job that was read in another scope, `Job.fromJSON`
 * and `Job.addJobLog`. Call it before jobs are hidden, as it tells a job of others from one that is not there.
 */
export function guardJobs(backend: IQueueBackend, viewer: () => Owner | undefined): void {
  const getJobData = backend.getJobData.bind(backend);
  const calls = backend as unknown as Record<string, Call>;

  async function refuseForeign(job: Named, owner: Owner): Promise<void> {
    const { id = '', opts } = typeof job === 'string' ? { id: job } : job;
    // Only what names a job by its id costs a look at it: a handler tells of its progress often.
    const known = opts ? { opts } : await getJobData(id);
    if (known === undefined || ownerIn(known.opts) === owner) return;
    throw crossTenant(`The job "${id}" does not belong to the same tenant`);
  }

  for (const name of ofJobs) {
    const call = (calls[name] as Call).bind(backend);
    calls[name] = async (job, ...rest) => {
      const owner = viewer();
      if (isTenant(owner)) await refuseForeign(job, owner);
      return call(job, ...rest);
    };
  }
}
