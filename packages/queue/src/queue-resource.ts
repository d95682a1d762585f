import type { TenantResource } from '@omnitenant/core';
import { defineResource, incarnationOf } from '@omnitenant/core/extend';
import { ErrorCode, type IQueueBackend, type JobType, RedisQueueBackend } from 'bullmq';
import { withServerErrors } from './bullmq/with-server-errors.ts';
import { forgetOwner } from './fair/fair-scheduling.ts';
import { isOwnId, ownerIn } from './jobs/owned-options.ts';
import { central, type Owner } from './jobs/owner.ts';
import type { Queue } from './queue.ts';

type AnyQueue = Pick<Queue, 'name' | 'qualifiedName' | 'close'> & { readonly backend: IQueueBackend };

/**
 * Makes the queue a resource of the tenancy: removing a tenant removes its jobs and schedules, and closing the tenancy closes the
 * queue. The handle is the queue as the scope's tenant sees it.
 * @example
 * const tenancy = createTenancy({ resources: [orm, queueResource(emails)] });
 */
export function queueResource<Q extends AnyQueue>(queue: Q): TenantResource<Q> {
  return defineResource<Q>({
    name: `queue ${queue.qualifiedName}`,
    open: (scope) => queueOf(queue, scope.kind === 'central' ? central : incarnationOf(scope.tenant)),
    destroy(tenant) {
      const owner = incarnationOf(tenant);
      return withServerErrors(queue.name, owner, () => removeJobs(queue.backend, owner));
    },
    end: () => queue.close(),
  });
}

/** The same queue with a fixed owner. It opens nothing, so there is nothing to close. */
function queueOf<Q extends AnyQueue>(queue: Q, owner: Owner): Q {
  return Object.create(queue, {
    owner: { value: owner },
    // BullMQ creates it on first use, and it listens to the connection; the queue's own is used instead of a second one.
    jobScheduler: { get: () => Reflect.get(queue, 'jobScheduler') },
  });
}

const states: readonly JobType[] = ['waiting', 'prioritized', 'delayed', 'waiting-children', 'completed', 'failed'];
const pageSize = 200;

/**
 * Removes the tenant's jobs, page by page. Active jobs are left to finish; no other starts. Pages shift while jobs are added and
 * finished, so it repeats until it finds nothing to remove.
 */
async function removeJobs(backend: IQueueBackend, owner: Owner): Promise<void> {
  await removeSchedulers(backend, owner);
  for (const state of states) while ((await removeOnce(backend, state, owner)) > 0);
  if (backend instanceof RedisQueueBackend) await forgetOwner(backend, owner);
}

async function removeOnce(backend: IQueueBackend, state: JobType, owner: Owner): Promise<number> {
  let removed = 0;
  for (let start = 0; ; ) {
    const ids = (await backend.getRanges([state], start, start + pageSize - 1)).flat();
    if (ids.length === 0) return removed;
    const gone = await Promise.all(ids.map((id) => removeOwn(backend, id, owner)));
    const count = gone.filter(Boolean).length;
    removed += count;
    start += ids.length - count;
  }
}

async function removeOwn(backend: IQueueBackend, id: string, owner: Owner): Promise<boolean> {
  const job = await backend.getJobData(id);
  if (job === undefined || ownerIn(job.opts) !== owner) return false;
  try {
    return (await backend.remove(id, true)) > 0;
  } catch (error) {
    // On PostgreSQL BullMQ refuses to remove the jobs of a schedule. No other tenant sees them, because they keep their owner.
    if ((error as { code?: unknown }).code === ErrorCode.JobBelongsToJobScheduler) return false;
    throw error;
  }
}

async function removeSchedulers(backend: IQueueBackend, owner: Owner): Promise<void> {
  for (let start = 0; ; ) {
    // Ids and times alternate.
    const found = await backend.getJobSchedulersRange(start, start + pageSize - 1, true);
    const ids = found.filter((_, index) => index % 2 === 0);
    if (ids.length === 0) return;
    const own = ids.filter((id) => isOwnId(owner, id));
    for (const id of own) await backend.removeJobScheduler(id);
    start += ids.length - own.length;
  }
}
