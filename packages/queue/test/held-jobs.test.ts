import { createTenancy, isTenancyError, memoryStore } from '@omnitenant/core';
import type { TenantStore } from '@omnitenant/core/extend';
import { testRedis } from '@omnitenant/tooling';
import { QueueEvents } from 'bullmq';
import { expect, test } from 'vitest';
import type { Queue } from '../src/index.ts';
import { openSite, type Site } from './fixtures/site.ts';

test('the jobs of a suspended tenant are held, and done once it is resumed', async () => {
  await using site = await openSite(await testRedis());
  const { tenancy } = site;
  const queue = site.queue();
  const seen: unknown[] = [];
  await tenancy.run('acme', () => queue.add('job', {}));
  await tenancy.tenants.suspend('acme');
  const held = eventOf(site, queue, 'delayed');
  await held.ready;
  const work = site.work(queue, async (job) => void seen.push(job.attemptsMade), { holdForMs: 20 });
  await tenancy.run('beta', () => queue.add('job', {}));
  await work.settled(1);
  await held.happened;
  expect(seen).toHaveLength(1);
  await tenancy.tenants.resume('acme');
  await work.settled(2);
  expect(seen).toEqual([0, 0]);
});

test('of a schedule whose tenant is suspended one occurrence is held, and those that it overtook fail', async () => {
  await using site = await openSite(await testRedis());
  const { tenancy } = site;
  const queue = site.queue();
  await tenancy.run('acme', () => queue.upsertJobScheduler('often', { every: 20 }));
  await tenancy.tenants.suspend('acme');
  const work = site.work(queue, async () => {}, { holdForMs: 10 });
  const overtaken = await work.settled(5);
  expect(overtaken.every(({ error }) => isTenancyError(error, 'TENANT_SUSPENDED'))).toBe(true);
  await tenancy.tenants.resume('acme');
  const { promise: done, resolve } = Promise.withResolvers<void>();
  work.worker.once('completed', () => resolve());
  await done;
  await tenancy.run('acme', () => queue.removeJobScheduler('often'));
});

test('they fail instead where that is wanted, and are not tried again', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  await site.tenancy.run('acme', () => queue.add('job', {}, { attempts: 5 }));
  await site.tenancy.tenants.suspend('acme');
  const work = site.work(queue, async () => {}, { closedTenants: 'fail' });
  const [{ job, error } = {}] = await work.settled(1);
  expect(isTenancyError(error, 'TENANT_SUSPENDED')).toBe(true);
  expect(await job?.isFailed()).toBe(true);
});

test('the jobs of a removed tenant fail, and so do they when another has its id', async () => {
  await using site = await openSite(await testRedis());
  const { tenancy } = site;
  const queue = site.queue();
  const seen: unknown[] = [];
  await tenancy.run('acme', () => queue.add('of the old one', {}));
  await tenancy.run('beta', () => queue.add('of one that went', {}));
  for (const id of ['acme', 'beta']) await tenancy.tenants.remove(id);
  const again = await tenancy.tenants.create({ id: 'acme' });
  await tenancy.run('acme', () => queue.add('of the new one', {}));
  const work = site.work(queue, async (job) => void seen.push(job.name), { holdForMs: 1 });
  const settled = await work.settled(3);
  expect(seen).toEqual(['of the new one']);
  const failed = settled.filter(({ error }) => error !== undefined);
  expect(failed.map(({ error }) => isTenancyError(error, 'TENANT_UNKNOWN') && error.message)).toEqual([
    expect.stringContaining('belongs to an earlier tenant with the id "acme"'),
    expect.stringContaining('There is no tenant "beta"'),
  ]);
  expect(again.id).toBe('acme');
});

test('a job is held while this process does not know its new tenant yet', async () => {
  const store = memoryStore();
  await using site = await openSite(await testRedis(), { store });
  await using elsewhere = createTenancy({ store });
  const queue = site.queue();
  expect(await site.tenancy.tenants.tryGet('newcomer')).toBeUndefined();
  await elsewhere.tenants.create({ id: 'newcomer' });
  const held = eventOf(site, queue, 'delayed');
  await held.ready;
  await elsewhere.run('newcomer', () => queue.add('job', {}));
  const work = site.work(queue, async () => {}, { holdForMs: 60_000 });
  await held.happened;
  // The cache of this process comes to know.
  await site.tenancy.tenants.update('newcomer', { name: 'Newcomer' });
  await queue.promoteJobs();
  const [{ error } = {}] = await work.settled(1);
  expect(error).toBeUndefined();
});

test('a store that is down is no reason to fail', async () => {
  const store = memoryStore();
  let down = false;
  const failing: TenantStore = {
    ...store,
    find: async (id) => {
      if (down) throw new Error('The store is down.');
      return store.find(id);
    },
  };
  await using site = await openSite(await testRedis(), { store: failing, cache: { ttlMs: 1 } });
  const queue = site.queue();
  await site.tenancy.run('acme', () => queue.add('job', {}));
  down = true;
  const held = eventOf(site, queue, 'delayed');
  await held.ready;
  const work = site.work(queue, async () => {}, { holdForMs: 20 });
  await held.happened;
  down = false;
  const [{ job, error } = {}] = await work.settled(1);
  expect(error).toBeUndefined();
  expect(job?.attemptsMade).toBe(1);
});

function eventOf({ connection, prefix, closing }: Site, { name }: Queue, event: 'delayed') {
  const events = closing(new QueueEvents(name, { connection, prefix, lastEventId: '0' }));
  const { promise, resolve } = Promise.withResolvers<void>();
  events.once(event, () => resolve());
  return { ready: events.waitUntilReady(), happened: promise };
}

test.each([true, false])('held jobs take nothing of the worker’s limiter that others need (fair: %s)', async (fair) => {
  await using site = await openSite(await testRedis());
  const { tenancy } = site;
  const queue = site.queue();
  await tenancy.run('acme', () => queue.addBulk(Array.from({ length: 100 }, () => ({ name: 'job', data: {} }))));
  await tenancy.tenants.suspend('acme');
  await tenancy.run('beta', () => queue.addBulk(Array.from({ length: 5 }, () => ({ name: 'job', data: {} }))));
  // One that is taken, and not done, would leave no room for the others until the test is over.
  const limiter = { max: 6, duration: 60_000 };
  const work = site.work(queue, async () => {}, { fair, holdForMs: 60_000, limiter });
  await work.settled(5);
});

test('under fair scheduling the jobs of a suspended tenant are held together, and wait', async () => {
  await using site = await openSite(await testRedis());
  const { tenancy } = site;
  const queue = site.queue<number>();
  const numbers = Array.from({ length: 50 }, (_, n) => n);
  await tenancy.run('acme', () => queue.addBulk(numbers.map((data) => ({ name: 'job', data }))));
  await tenancy.tenants.suspend('acme');
  await tenancy.run('beta', () => queue.add('job', -1));
  const seen: number[] = [];
  let looked = 0;
  const work = site.work(queue, async ({ data }) => void seen.push(data), { fair: true, holdForMs: 50 });
  const { promise: again, resolve } = Promise.withResolvers<void>();
  work.worker.on('active', ({ data }) => {
    if (data !== -1) looked += 1;
    if (looked === 3) resolve();
  });
  await work.settled(1);
  await again;
  expect(await queue.getJobCounts('delayed', 'failed')).toEqual({ delayed: 0, failed: 0 });
  await tenancy.tenants.resume('acme');
  await work.settled(51);
  expect(seen.filter((data) => data >= 0)).toEqual(numbers);
});

test('a schedule of a tenant that was removed ends, and what became due is not kept', async () => {
  await using site = await openSite(await testRedis());
  const { tenancy } = site;
  const queue = site.queue();
  await tenancy.run('acme', () => queue.upsertJobScheduler('often', { every: 20 }, { opts: { removeOnFail: false } }));
  // The queue is no resource of this tenancy, so the schedule stays.
  await tenancy.tenants.remove('acme');
  const work = site.work(queue, async () => {}, { holdForMs: 1 });
  const [{ error } = {}] = await work.settled(1);
  expect(isTenancyError(error, 'TENANT_UNKNOWN')).toBe(true);
  await work.worker.close();
  expect([await queue.getJobSchedulersCount(), await queue.getJobCountByTypes('failed', 'delayed')]).toEqual([0, 0]);
});
