import type { TenantResource } from '@omnitenant/core';
import { defineResource, incarnationOf } from '@omnitenant/core/extend';
import { ErrorCode, type IQueueBackend, type JobType, RedisQueueBackend } from 'bullmq';
import { withServerErrors } from './bullmq/with-server-errors.ts';
import { forgetOwner } from './fair/fair-scheduling.ts';
import { callIndex } from './job-index/job-index.ts';
import { allIdsOfTenant, countsOfTenant } from './job-index/tenant-jobs.ts';
import { isOwnId, ownerIn } from './jobs/owned-options.ts';
import { central, type Owner } from './jobs/owner.ts';
import type { Queue } from './queue.ts';

type AnyQueue = Pick<Queue, 'name' | 'qualifiedName' | 'close' | 'getActiveCount'> & {
  readonly backend: IQueueBackend;
};

/**
 * Makes the queue a resource of the tenancy: removing a tenant removes its jobs, schedules and events, and closing the tenancy
 * closes the queue. The handle is the queue as the scope's tenant sees it.
 * @example
 * const tenancy = createTenancy({ resources: [orm, queueResource(emails)] });
 */
export function queueResource<Q extends AnyQueue>(queue: Q): TenantResource<Q> {
  return defineResource<Q>({
    name: `queue ${queue.qualifiedName}`,
    open: (scope) => queueOf(queue, scope.kind === 'central' ? central : incarnationOf(scope.tenant)),
    destroy(tenant) {
      const owner = incarnationOf(tenant);
      const { backend } = queue;
      return withServerErrors(queue.name, owner, () =>
        backend instanceof RedisQueueBackend ? removeIndexed(backend, owner) : removeListed(backend, owner),
      );
    },
    probes: [
      {
        name: `queue ${queue.name}`,
        check: async () => void (await withServerErrors(queue.name, undefined, () => queue.getActiveCount())),
      },
    ],
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

/**
 * Removes what the index says is the tenant's. Active jobs are left to finish, and leave nothing then. Removing a child lets its parent
 * wait, so it repeats until it finds nothing to remove.
 */
async function removeIndexed(backend: RedisQueueBackend, owner: Owner): Promise<void> {
  await callIndex(backend, 'beginRemoval', owner);
  for (const id of (await callIndex(backend, 'schedules', owner)) as string[]) await backend.removeJobScheduler(id);
  // The list of waiting jobs is everybody's: no more of it is read than it takes to find the tenant's.
  let { waiting = 0 } = await countsOfTenant(backend, owner, ['waiting']);
  for (let start = 0, read = slice; waiting > 0 && read === slice; ) {
    const reply = (await callIndex(backend, 'pullWaiting', owner, start, slice)) as [number, number];
    read = reply[0];
    start += read - reply[1];
    waiting -= reply[1];
  }
  for (let removed = 1; removed > 0; ) {
    removed = 0;
    for await (const ids of allIdsOfTenant(backend, owner)) {
      const gone = await Promise.all(ids.map((id) => removeOwn(backend, id, owner)));
      removed += gone.filter(Boolean).length;
    }
  }
  await forgetOwner(backend, owner);
  await callIndex(backend, 'endRemoval', owner);
}

const states: readonly JobType[] = ['waiting', 'prioritized', 'delayed', 'waiting-children', 'completed', 'failed'];
const pageSize = 200;

/** How much of the list of waiting jobs is read in one call. */
const slice = 5_000;

/** Removes the tenant's jobs where there is no index, page by page, until there is nothing to remove in any state. */
async function removeListed(backend: IQueueBackend, owner: Owner): Promise<void> {
  await removeSchedulers(backend, owner);
  for (let removed = 1; removed > 0; ) {
    removed = 0;
    for (const state of states) removed += await removeOnce(backend, state, owner);
  }
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
