import type { Tenancy, Tenant } from '@omnitenant/core';
import type { Job, JobsOptions, MinimalQueue } from 'bullmq';
import { ownId, type Stamp, stampOf } from './stamp.ts';

const page = 500;
/** Milliseconds for which a fan-out that is done again, as any job may be, does not add a tenant's job a second time. */
const remembered = 24 * 3_600_000;

/** Adds the job of a schedule for all tenants to each active one, and gives their number. */
export async function fanOut(
  job: Job,
  queue: MinimalQueue,
  tenancy: Pick<Tenancy, 'tenants'>,
  addBulk: (typeof Job)['createBulk'],
): Promise<number> {
  const { jobId, repeatJobKey, prevMillis, delay, timestamp, parent, ...opts } = job.opts;
  delete (opts as { repeat?: unknown }).repeat;
  let added = 0;
  for await (const tenants of pages(tenancy.tenants.all({ status: 'active' }))) {
    const jobs = tenants.map((tenant) => ({
      name: job.name,
      data: job.data,
      opts: ofTenant(stampOf(tenant), job, opts),
    }));
    await addBulk(queue, jobs);
    added += jobs.length;
  }
  return added;
}

function ofTenant(stamp: Stamp, { id = '' }: Job, opts: JobsOptions): JobsOptions {
  return { ...opts, tenant: stamp, deduplication: { id: ownId(stamp, id), ttl: remembered } } as JobsOptions;
}

async function* pages(tenants: AsyncIterable<Tenant>): AsyncIterable<Tenant[]> {
  let next: Tenant[] = [];
  for await (const tenant of tenants) {
    next.push(tenant);
    if (next.length < page) continue;
    yield next;
    next = [];
  }
  if (next.length > 0) yield next;
}
