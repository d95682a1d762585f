import { defineResource, type TenantResource } from '@omnitenant/core';
import { ErrorCode, type IQueueBackend, type JobType, RedisQueueBackend } from 'bullmq';
import { reach } from './bullmq/with-server-errors.ts';
import { forgetTurns } from './fair/fair-scheduling.ts';
import { central, type Stamp, stampIn, stampOf } from './jobs/owner.ts';
import type { Queue } from './queue.ts';

type AnyQueue = Pick<Queue, 'name' | 'qualifiedName' | 'close'> & { readonly backend: IQueueBackend };

/**
 * The queue as a resource of the tenancy: a tenant that is removed takes its jobs and schedules along, and the queue is closed
 * with the tenancy. Its handle is the queue as the scope's tenant has it.
 * @example
 * const tenancy = createTenancy({ store: orm.store, resources: [orm, queueResource(emails)] });
 */
export function queueResource<Q extends AnyQueue>(queue: Q): TenantResource<Q> {
  return defineResource<Q>({
    name: `queue ${queue.qualifiedName}`,
    open: (scope) => ofStamp(queue, scope.kind === 'central' ? central : stampOf(scope.tenant)),
    destroy(tenant) {
      const stamp = stampOf(tenant);
      return reach(queue.name, stamp, () => removeJobs(queue.backend, stamp));
    },
    end: () => queue.close(),
  });
}

/** The queue itself, but for the stamp: nothing is opened, and nothing has to be closed. */
function ofStamp<Q extends AnyQueue>(queue: Q, stamp: Stamp): Q {
  return Object.create(queue, {
    stamp: { value: stamp },
    // It listens to the connection, so there is one.
    jobScheduler: { get: () => Reflect.get(queue, 'jobScheduler') },
  });
}

const states: readonly JobType[] = ['waiting', 'prioritized', 'delayed', 'waiting-children', 'completed', 'failed'];
const page = 200;

/**
 * Removes the tenant's jobs, page by page. Those at work are left: they end, and no later one begins. While others come and go
 * pages shift, so it looks again until there is nothing to remove.
 */
async function removeJobs(backend: IQueueBackend, stamp: Stamp): Promise<void> {
  await removeSchedulers(backend, stamp);
  for (const state of states) while ((await removeOnce(backend, state, stamp)) > 0);
  if (backend instanceof RedisQueueBackend) await forgetTurns(backend, stamp);
}

async function removeOnce(backend: IQueueBackend, state: JobType, stamp: Stamp): Promise<number> {
  let removed = 0;
  for (let start = 0; ; ) {
    const ids = (await backend.getRanges([state], start, start + page - 1)).flat();
    if (ids.length === 0) return removed;
    const gone = await Promise.all(ids.map((id) => removeOwn(backend, id, stamp)));
    const count = gone.filter(Boolean).length;
    removed += count;
    start += ids.length - count;
  }
}

async function removeOwn(backend: IQueueBackend, id: string, stamp: Stamp): Promise<boolean> {
  const job = await backend.getJobData(id);
  if (job === undefined || stampIn(job.opts) !== stamp) return false;
  try {
    return (await backend.remove(id, true)) > 0;
  } catch (error) {
    // On PostgreSQL BullMQ lets nobody remove what a schedule has made; its stamp keeps it from any other tenant.
    if ((error as { code?: unknown }).code === ErrorCode.JobBelongsToJobScheduler) return false;
    throw error;
  }
}

async function removeSchedulers(backend: IQueueBackend, stamp: Stamp): Promise<void> {
  for (let start = 0; ; ) {
    // Ids and times, in turns.
    const found = await backend.getJobSchedulersRange(start, start + page - 1, true);
    const ids = found.filter((_, index) => index % 2 === 0);
    if (ids.length === 0) return;
    const own = ids.filter((id) => id.startsWith(`${stamp}.`));
    for (const id of own) await backend.removeJobScheduler(id);
    start += ids.length - own.length;
  }
}
