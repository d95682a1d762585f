import type { Tenancy, Tenant } from '@omnitenant/core';
import { incarnationOf } from '@omnitenant/core/extend';
import type { IQueueBackend, Job, JobsOptions, RepeatOptions } from 'bullmq';
import { isReply, withServerErrors } from '../bullmq/with-server-errors.ts';
import { ownId } from '../jobs/owned-options.ts';
import { replies } from '../jobs/replies.ts';
import { occurrencesIn, type TimeZoneOf, timeZoneOf } from '../jobs/time-zone.ts';

const pageSize = 500;

/** The members that are used of the worker. */
interface FanOutWorker {
  readonly name: string;
  readonly opts: { readonly tenancy: Pick<Tenancy, 'tenants'>; readonly timeZone?: TimeZoneOf | undefined };
  readonly backend: Pick<IQueueBackend, 'getJobScheduler'>;
  emit(event: 'error', error: Error): unknown;
}

/** The progress of a fan-out: the number of jobs added, and the last tenant of the last finished page. */
interface Progress {
  readonly added: number;
  readonly last: string;
}

/**
 * Adds the job of a schedule for all tenants to each active tenant, and resolves to their number. A fan-out that is interrupted
 * continues where it stopped when it is tried again, and adds no tenant's job twice.
 */
export async function fanOut(
  job: Job,
  worker: FanOutWorker,
  addBulk: (jobs: Parameters<(typeof Job)['createBulk']>[1]) => Promise<unknown>,
): Promise<number> {
  const {
    name: queue,
    opts: { tenancy },
    backend,
  } = worker;
  const { jobId, repeatJobKey, prevMillis, delay, timestamp, parent, ...opts } = job.opts;
  delete (opts as { repeat?: unknown }).repeat;
  const ttlMs = await withServerErrors(queue, undefined, () => deduplicationTtlMs(job.repeatJobKey, backend));
  let { added = 0, last = '' } = job.progress as Partial<Progress>;
  const delaysFor = delaysOf(job, worker);
  for await (const tenants of pages(tenancy.tenants.all({ status: 'active' }), last)) {
    const jobs = tenants.flatMap((tenant) =>
      delaysFor(tenant).map((delayMs, n) => {
        const id = ownId(incarnationOf(tenant), n === 0 ? `${job.id}` : `${job.id}.${n}`);
        return { name: job.name, data: job.data, opts: optsFor(tenant, id, delayMs, { ...opts, ttlMs }) };
      }),
    );
    added += jobs.length;
    last = tenants.at(-1)?.id ?? last;
    await withServerErrors(queue, undefined, async () => {
      await addBulk(jobs).catch((error) => {
        // A tenant of the page was removed meanwhile. The others have their job.
        if (!isReply(error, replies.removed)) throw error;
      });
      await job.updateProgress({ added, last } satisfies Progress);
    });
  }
  return added;
}

function optsFor(tenant: Tenant, id: string, delay: number, { ttlMs, ...opts }: JobsOptions & { ttlMs: number }) {
  const owned = { ...opts, tenant: incarnationOf(tenant), deduplication: { id, ttl: ttlMs } } as JobsOptions;
  if (delay > 0) owned.delay = delay;
  return owned;
}

/** Makes the function that says in how many ms a tenant's job of this occurrence is due, in its time zone: usually one. */
function delaysOf(job: Job, worker: FanOutWorker): (tenant: Tenant) => readonly number[] {
  const { prevMillis, repeat } = job.opts as JobsOptions & { readonly repeat?: RepeatOptions };
  const occurrences = new Map<string, readonly number[]>();
  return (tenant) => {
    try {
      const zone = timeZoneOf(tenant, worker.opts.timeZone);
      if (zone === undefined || repeat === undefined || prevMillis === undefined) return [0];
      const found = occurrences.get(zone) ?? occurrencesIn(zone, repeat, prevMillis);
      occurrences.set(zone, found);
      return found.map((at) => at - Date.now());
    } catch (error) {
      // One tenant's setting does not keep the job from the others.
      worker.emit('error', error as Error);
      return [0];
    }
  };
}

const minuteMs = 60_000;
const rememberedOccurrences = 20;

/**
 * How long a tenant gets no second job of one occurrence. Each is a key in the queue's server, so frequent schedules keep them
 * for a shorter time.
 */
async function deduplicationTtlMs(scheduler = '', backend: FanOutWorker['backend']): Promise<number> {
  const [, next] = await backend.getJobScheduler(scheduler);
  const intervalMs = Number(next ?? Number.POSITIVE_INFINITY) - Date.now();
  return Math.min(Math.max(rememberedOccurrences * intervalMs, 10 * minuteMs), 24 * 60 * minuteMs);
}

/** Pages of the tenants after `last`, in the order of their ids. */
async function* pages(tenants: AsyncIterable<Tenant>, last: string): AsyncIterable<Tenant[]> {
  let page: Tenant[] = [];
  for await (const tenant of tenants) {
    if (tenant.id <= last) continue;
    page.push(tenant);
    if (page.length < pageSize) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}
