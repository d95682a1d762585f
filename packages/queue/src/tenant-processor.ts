import { type AdmissionOptions, inScopeOf } from './processing/process-job.ts';

interface ProcessedJob {
  readonly id?: string;
  readonly name: string;
  readonly opts: object;
}

/**
 * The processor of a sandboxed file, in the scope of each job: the file runs in a process of its own, which needs a tenancy of
 * its own.
 * @example
 * export default tenantProcessor(tenancy, async (job) => orm.em.count(Task, {}));
 */
export function tenantProcessor<J extends ProcessedJob, R>(
  tenancy: AdmissionOptions['tenancy'],
  processor: (job: J, token?: string, signal?: AbortSignal) => R,
): (job: J, token?: string, signal?: AbortSignal) => Promise<Awaited<R>> {
  return (job, token, signal) => inScopeOf(job, { tenancy }, () => processor(job, token, signal));
}
