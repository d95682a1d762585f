import type { Tenancy, Tenant } from '@omnitenant/core';
import type { IQueueBackend, Job, JobsOptions } from 'bullmq';
import { reach } from '../bullmq/with-server-errors.ts';
import { ownId, stampOf } from '../jobs/owner.ts';

const page = 500;

/** The worker that a schedule for all tenants is due at. */
interface FanningOut {
  readonly name: string;
  readonly opts: { readonly tenancy: Pick<Tenancy, 'tenants'> };
  readonly backend: Pick<IQueueBackend, 'getJobScheduler'>;
}

/** How far a fan-out is: the last tenant whose page is done. */
interface Progress {
  readonly added: number;
  readonly last: string;
}

/**
 * Adds the job of a schedule for all tenants to each active one, and gives their number. Cut short and done again, as any job may
 * be, it goes on where it was, and no tenant of the page that it was at gets a second one.
 */
export async function fanOut(
  job: Job,
  { name: queue, opts: { tenancy }, backend }: FanningOut,
  addBulk: (jobs: Parameters<(typeof Job)['createBulk']>[1]) => Promise<unknown>,
): Promise<number> {
  const { jobId, repeatJobKey, prevMillis, delay, timestamp, parent, ...opts } = job.opts;
  delete (opts as { repeat?: unknown }).repeat;
  const ttl = await reach(queue, undefined, () => remembered(job.repeatJobKey, backend));
  let { added = 0, last = '' } = job.progress as Partial<Progress>;
  for await (const tenants of pages(tenancy.tenants.all({ status: 'active' }), last)) {
    const jobs = tenants.map((tenant) => ({ name: job.name, data: job.data, opts: ofTenant(tenant, job, opts, ttl) }));
    added += tenants.length;
    last = tenants.at(-1)?.id ?? last;
    await reach(queue, undefined, async () => {
      await addBulk(jobs);
      await job.updateProgress({ added, last } satisfies Progress);
    });
  }
  return added;
}

function ofTenant(tenant: Tenant, { id = '' }: Job, opts: JobsOptions, ttl: number): JobsOptions {
  const stamp = stampOf(tenant);
  return { ...opts, tenant: stamp, deduplication: { id: ownId(stamp, id), ttl } } as JobsOptions;
}

const minute = 60_000;
const occurrences = 20;

/**
 * Milliseconds for which a tenant is not given a second job of the same occurrence. Each is a key in the queue's server, so of
 * a schedule that is often due they are forgotten sooner.
 */
async function remembered(scheduler = '', backend: FanningOut['backend']): Promise<number> {
  const [, next] = await backend.getJobScheduler(scheduler);
  const interval = Number(next ?? Number.POSITIVE_INFINITY) - Date.now();
  return Math.min(Math.max(occurrences * interval, 10 * minute), 24 * 60 * minute);
}

/** The tenants after `last`, in the order of their ids. */
async function* pages(tenants: AsyncIterable<Tenant>, last: string): AsyncIterable<Tenant[]> {
  let next: Tenant[] = [];
  for await (const tenant of tenants) {
    if (tenant.id <= last) continue;
    next.push(tenant);
    if (next.length < page) continue;
    yield next;
    next = [];
  }
  if (next.length > 0) yield next;
}
