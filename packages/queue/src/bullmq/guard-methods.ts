import { TenancyError } from '@omnitenant/core';
import { ownId } from '../jobs/owned-options.ts';
import { central, type Owner } from '../jobs/owner.ts';

/** Methods that affect the jobs of all tenants. A tenant's scope may not call them. */
const ofAll = [
  'drain',
  'clean',
  'obliterate',
  'retryJobs',
  'promoteJobs',
  'removeRateLimitKey',
  'setGlobalConcurrency',
  'setGlobalRateLimit',
  'removeGlobalConcurrency',
  'removeGlobalRateLimit',
  'trimEvents',
  'removeOrphanedJobs',
  'getRanges',
  'getMetrics',
  'getWorkers',
  'stats',
] as const;

/** Methods that take a job's id as their first argument. */
const ofOne = ['remove', 'updateJobProgress', 'addJobLog', 'getJobLogs', 'getJobState', 'getDependencies'] as const;

/** Methods that take an id chosen by the application as their first argument. */
const ofChosenId = [
  'getJobScheduler',
  'removeJobScheduler',
  'getDeduplicationJobId',
  'removeDeduplicationKey',
  'getDebounceJobId',
  'removeDebounceKey',
] as const;

interface GuardedQueue {
  readonly name: string;
  viewer(): Owner | undefined;
  getJob(id: string): Promise<{ id?: string } | undefined>;
}

type Method = (this: GuardedQueue, ...args: unknown[]) => Promise<unknown>;

/** Restricts BullMQ's methods to the jobs that the scope's tenant owns, and to the ids that it chose. */
export function guardMethods(queue: object): void {
  const methods = queue as Record<string, Method>;
  for (const name of ofAll) {
    const method = methods[name] as Method;
    methods[name] = async function (...args) {
      if (tenantOwner(this) === undefined) return method.apply(this, args);
      throw affectsAll(name, this.name);
    };
  }
  for (const name of ofChosenId) {
    const method = methods[name] as Method;
    methods[name] = function (id, ...rest) {
      const owner = this.viewer();
      return method.call(this, owner === undefined ? id : ownId(owner, String(id)), ...rest);
    };
  }
  for (const name of ofOne) {
    const method = methods[name] as Method;
    methods[name] = async function (id, ...rest) {
      const owner = tenantOwner(this);
      if (owner === undefined) return method.call(this, id, ...rest);
      const job = await this.getJob(String(id));
      // If the job belongs to another tenant, BullMQ looks for an id that does not exist, and answers accordingly.
      return method.call(this, job?.id ?? ownId(owner, String(id)), ...rest);
    };
  }
}

/** The error for a method that a tenant's scope may not call. */
export function affectsAll(method: string, queue: string): TenancyError {
  const message = `"${method}" affects the jobs of all tenants in the queue "${queue}"; call it in tenancy.central().`;
  return new TenancyError('CROSS_TENANT', message);
}

function tenantOwner(queue: GuardedQueue): Owner | undefined {
  const owner = queue.viewer();
  return owner === central ? undefined : owner;
}
