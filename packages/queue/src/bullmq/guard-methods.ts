import { TenancyError } from '@omnitenant/core';
import { central, ownId, type Stamp } from '../jobs/owner.ts';

/** What is done to the jobs of all, and so not from a tenant's scope. */
const ofAll = [
  'pause',
  'resume',
  'drain',
  'clean',
  'obliterate',
  'retryJobs',
  'promoteJobs',
  'rateLimit',
  'removeRateLimitKey',
  'setGlobalConcurrency',
  'setGlobalRateLimit',
  'removeGlobalConcurrency',
  'removeGlobalRateLimit',
  'trimEvents',
  'removeOrphanedJobs',
  'getRanges',
] as const;

/** What is done to the job whose id is the first argument. */
const ofOne = ['remove', 'updateJobProgress', 'addJobLog', 'getJobLogs', 'getJobState', 'getDependencies'] as const;

/** What is about an id that somebody chose, which is the first argument. */
const ofChosenId = [
  'getJobScheduler',
  'removeJobScheduler',
  'getDeduplicationJobId',
  'removeDeduplicationKey',
  'getDebounceJobId',
  'removeDebounceKey',
] as const;

interface Viewed {
  readonly name: string;
  viewer(): Stamp | undefined;
  getJob(id: string): Promise<{ id?: string } | undefined>;
}

type Method = (this: Viewed, ...args: unknown[]) => Promise<unknown>;

/** Keeps BullMQ's methods to the jobs that a tenant may see, and to the ids that a scope chose. */
export function guardMethods(queue: object): void {
  const methods = queue as Record<string, Method>;
  for (const name of ofAll) {
    const method = methods[name] as Method;
    methods[name] = async function (...args) {
      if (tenantStamp(this) === undefined) return method.apply(this, args);
      const message = `"${name}" is about the jobs of all tenants in the queue "${this.name}"; call it in tenancy.central().`;
      throw new TenancyError('CROSS_TENANT', message);
    };
  }
  for (const name of ofChosenId) {
    const method = methods[name] as Method;
    methods[name] = function (id, ...rest) {
      const stamp = this.viewer();
      return method.call(this, stamp === undefined ? id : ownId(stamp, String(id)), ...rest);
    };
  }
  for (const name of ofOne) {
    const method = methods[name] as Method;
    methods[name] = async function (id, ...rest) {
      const stamp = tenantStamp(this);
      if (stamp === undefined) return method.call(this, id, ...rest);
      const job = await this.getJob(String(id));
      // Where the job is not the tenant's, BullMQ answers as for one that is not there.
      return method.call(this, job?.id ?? ownId(stamp, String(id)), ...rest);
    };
  }
}

function tenantStamp(queue: Viewed): Stamp | undefined {
  const stamp = queue.viewer();
  return stamp === central ? undefined : stamp;
}
