import type { Tenancy } from '@omnitenant/core';
import { runInJobScope } from './processing/job-scope.ts';

interface SandboxedJob {
  readonly id?: string | undefined;
  readonly name: string;
  readonly opts: object;
}

/**
 * Wraps the processor of a sandboxed file so that it runs in the scope of each job. The file runs in its own process, so it
 * needs its own tenancy. Give it the worker's `tenantOf`, if there is one.
 * @example
 * export default tenantProcessor(tenancy, async (job) => orm.em.count(Task, {}));
 */
export function tenantProcessor<J extends SandboxedJob, R>(
  tenancy: Pick<Tenancy, 'run' | 'central'>,
  processor: (job: J, token?: string, signal?: AbortSignal) => R,
  { tenantOf }: { readonly tenantOf?: (job: J) => string | undefined } = {},
): (job: J, token?: string, signal?: AbortSignal) => Promise<Awaited<R>> {
  return (job, token, signal) => runInJobScope(job, { tenancy, tenantOf }, () => processor(job, token, signal));
}
