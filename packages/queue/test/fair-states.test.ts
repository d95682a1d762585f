import { testRedis } from '@omnitenant/tooling';
import { type Job, type JobsOptions, WaitingChildrenError } from 'bullmq';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import type { Queue } from '../src/index.ts';
import { openSite, type Site } from './fixtures/site.ts';

/** Adds that many jobs of a tenant, each named for it. */
async function add(site: Site, queue: Queue, tenant: string, count: number, opts: JobsOptions = {}): Promise<void> {
  const jobs = Array.from({ length: count }, () => ({ name: tenant, data: {}, opts }));
  await site.tenancy.run(tenant, () => queue.addBulk(jobs));
}

/** A processor that waits until it is let go on, and how many of each name are in it. */
function gate() {
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  const active = new Map<string, number>();
  const most = new Map<string, number>();
  async function processor({ name }: { name: string }) {
    active.set(name, (active.get(name) ?? 0) + 1);
    most.set(name, Math.max(active.get(name) ?? 0, most.get(name) ?? 0));
    await opened;
    active.set(name, (active.get(name) ?? 0) - 1);
  }
  return { processor, open, most };
}

test('a stream of delayed jobs that become due does not make another tenant’s job wait', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  const jobs = Array.from({ length: 2_000 }, (_, n) => ({ name: 'acme', data: {}, opts: { delay: 1 + n } }));
  await site.tenancy.run('acme', () => queue.addBulk(jobs));
  const order: string[] = [];
  const { promise: seen, resolve } = Promise.withResolvers<void>();
  let before = -1;
  async function processor({ name }: Job) {
    order.push(name);
    if (name === 'beta') return resolve();
    // Each job takes longer than the next one needs to become due.
    await new Promise((done) => setTimeout(done, 3));
    if (order.length !== 100) return;
    await add(site, queue, 'beta', 1);
    before = order.length;
  }
  site.work(queue, processor, { fair: true });
  await seen;
  expect(order.indexOf('beta') - before).toBeLessThanOrEqual(2);
});

test.each([
  ['delayed', { delay: 1 }],
  ['prioritized', { priority: 5 }],
  ['retried', { attempts: 2 }],
  ['retried later', { attempts: 2, backoff: { type: 'fixed', delay: 1 } }],
  ['last in, first out', { lifo: true }],
])('%s jobs count towards their tenant’s share', async (_, opts) => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  const active = new Map<string, number>();
  let most = 0;
  const work = site.work(
    queue,
    async ({ name, attemptsMade, opts: { attempts = 1 } }) => {
      const count = (active.get(name) ?? 0) + 1;
      active.set(name, count);
      most = Math.max(most, count);
      await new Promise((done) => setTimeout(done, 2));
      active.set(name, (active.get(name) ?? 0) - 1);
      if (attemptsMade + 1 < attempts) throw new Error('Not yet.');
    },
    { fair: { concurrency: 2 }, concurrency: 10 },
  );
  await Promise.all([add(site, queue, 'acme', 30, opts), add(site, queue, 'beta', 5, opts)]);
  await work.settled(35 * (('attempts' in opts && opts.attempts) || 1));
  expect(most).toBe(2);
});

test('priorities order the jobs of a tenant, and give it no more turns than others', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  for (const [tenant, priority] of [
    ['acme', 0],
    ['acme', 1],
    ['beta', 9],
    ['beta', 7],
  ] as const) {
    await site.tenancy.run(tenant, () =>
      queue.addBulk([1, 2].map((n) => ({ name: `${tenant} ${priority} ${n}`, data: {}, opts: { priority } }))),
    );
  }
  const order: string[] = [];
  await site.work(queue, async ({ name }) => void order.push(name), { fair: true }).settled(8);
  expect(order.filter((name) => name.startsWith('acme'))).toEqual(['acme 0 1', 'acme 0 2', 'acme 1 1', 'acme 1 2']);
  expect(order.filter((name) => name.startsWith('beta'))).toEqual(['beta 7 1', 'beta 7 2', 'beta 9 1', 'beta 9 2']);
  expect(order.slice(0, 4).filter((name) => name.startsWith('beta'))).toHaveLength(2);
});

test('a job that is added last in, first out is the next of its tenant', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  await add(site, queue, 'acme', 20);
  const order: string[] = [];
  const work = site.work(
    queue,
    async ({ name }) => {
      order.push(name);
      if (order.length === 5) await site.tenancy.run('acme', () => queue.add('urgent', {}, { lifo: true }));
    },
    { fair: true },
  );
  await work.settled(21);
  expect(order.indexOf('urgent')).toBe(5);
});

test('a lone job comes next among a thousand tenants that have jobs', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  const tenants = Array.from({ length: 1_000 }, (_, n) => `tenant-${n}`);
  for (const id of tenants) await site.tenancy.tenants.create({ id });
  await Promise.all(tenants.map((tenant) => add(site, queue, tenant, 2)));
  const order: string[] = [];
  const { promise: seen, resolve } = Promise.withResolvers<void>();
  async function processor({ name }: Job) {
    order.push(name);
    if (order.length === 1_100) await add(site, queue, 'beta', 1);
    if (name === 'beta') resolve();
  }
  site.work(queue, processor, { fair: true });
  await seen;
  expect(order.indexOf('beta')).toBeLessThanOrEqual(1_102);
});

test('jobs beyond a tenant’s share wait: they are counted, listed and drained as waiting', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  const { processor, open } = gate();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const work = site.work(queue, processor, { fair: { concurrency: 1 }, concurrency: 4 });
  work.worker.once('active', () => begin());
  await add(site, queue, 'acme', 10);
  await add(site, queue, 'acme', 3, { priority: 2 });
  await begun;
  await site.tenancy.central(async () => {
    const counts = await queue.getJobCounts('waiting', 'prioritized', 'delayed', 'active');
    expect(counts).toEqual({ waiting: 9, prioritized: 3, delayed: 0, active: 1 });
    expect(await queue.getCountsPerPriority([0, 2, 3])).toEqual({ 0: 9, 2: 3, 3: 0 });
    expect((await queue.getWaiting()).map(({ id }) => id)).toEqual(['2', '3', '4', '5', '6', '7', '8', '9', '10']);
    expect((await queue.getWaiting(2, 4)).map(({ id }) => id)).toEqual(['4', '5', '6']);
    expect((await queue.getJobs('waiting', 0, 1)).map(({ id }) => id)).toEqual(['10', '9']);
    expect((await queue.getPrioritized(1, -1)).map(({ id }) => id)).toEqual(['12', '13']);
    expect((await queue.getJobs('prioritized', 0, 1)).map(({ id }) => id)).toEqual(['13', '12']);
    expect(await Promise.all(['2', '11'].map((id) => queue.getJobState(id)))).toEqual(['waiting', 'prioritized']);
    const held = await queue.getJob('5');
    expect([held?.delay, await held?.isWaiting()]).toEqual([0, true]);
    await queue.drain();
    expect(await queue.getJobCounts('waiting', 'prioritized', 'delayed')).toEqual({
      waiting: 0,
      prioritized: 0,
      delayed: 0,
    });
  });
  open();
  await add(site, queue, 'acme', 1);
  await work.settled(2);
});

test('jobs beyond a tenant’s share write no events while they wait', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  const { processor, open } = gate();
  const work = site.work(queue, processor, { fair: { concurrency: 1 }, concurrency: 4 });
  await add(site, queue, 'acme', 50);
  await add(site, queue, 'beta', 1);
  open();
  await work.settled(51);
  const client = new Redis(site.url);
  const events = await client.xrange(`${site.prefix}:${queue.name}:events`, '-', '+');
  await client.quit();
  expect(events.filter(([, fields]) => fields.includes('delayed'))).toEqual([]);
  // Added, waiting, active, completed.
  expect(events.filter(([, fields]) => fields.includes('jobId'))).toHaveLength(51 * 4);
});

test('a parent counts towards its tenant’s share once its children are done', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  await add(site, queue, 'acme', 10);
  const { id = '' } = (await site.tenancy.run('acme', () => queue.getJobs('waiting', 0, 0)))[0] ?? {};
  let most = 0;
  let active = 0;
  const work = site.work(
    queue,
    async (job, token = '') => {
      active += 1;
      most = Math.max(most, active);
      await new Promise((done) => setTimeout(done, 2));
      active -= 1;
      if (job.id !== id || job.data === 'waited') return;
      await job.updateData('waited');
      const parent = { id, queue: queue.qualifiedName };
      await queue.addBulk([1, 2].map(() => ({ name: 'child', data: {}, opts: { parent } })));
      await job.moveToWaitingChildren(token);
      throw new WaitingChildrenError();
    },
    { fair: { concurrency: 1 }, concurrency: 5 },
  );
  await work.settled(12);
  expect(most).toBe(1);
});

test('while the queue is paused the turns are kept', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue<number>();
  const numbers = [0, 1, 2, 3, 4, 5];
  await site.tenancy.run('acme', () => queue.addBulk(numbers.map((data) => ({ name: 'acme', data }))));
  const order: number[] = [];
  const work = site.work(
    queue,
    async ({ data }) => {
      order.push(data);
      if (data === 2) await site.tenancy.central(() => queue.pause());
    },
    { fair: true },
  );
  await work.settled(3);
  await add(site, queue as never, 'beta', 1, { delay: 1 });
  await queue.resume();
  await work.settled(7);
  expect(order.filter((data) => typeof data === 'number')).toEqual(numbers);
});

test('a queue that is obliterated keeps nothing of the turns', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  const { processor, open } = gate();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const { worker } = site.work(queue, processor, { fair: { concurrency: 1 } });
  worker.once('active', () => begin());
  await add(site, queue, 'acme', 5);
  await begun;
  await queue.obliterate({ force: true });
  const client = new Redis(site.url);
  const left = (await client.keys(`${site.prefix}:${queue.name}:*`)).map((key) => key.split(':').slice(2).join(':'));
  await client.quit();
  open();
  // BullMQ's own, which its workers write.
  expect(left.filter((key) => !['marker', 'stalled-check', 'meta'].includes(key))).toEqual([]);
});

test('a job whose lock was lost keeps no other from its turn', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  await add(site, queue, 'acme', 4);
  await add(site, queue, 'beta', 2);
  const client = new Redis(site.url);
  const key = (name: string) => `${site.prefix}:${queue.name}:${name}`;
  let lost = '';
  const work = site.work(
    queue,
    async ({ id = '', name }) => {
      if (lost !== '' || name !== 'acme') return;
      lost = id;
      await client.del(key(`${id}:lock`));
    },
    { fair: { concurrency: 1 }, concurrency: 2, stalledInterval: 100 },
  );
  const settled = await work.settled(6);
  expect(settled.filter(({ error }) => error)).toEqual([]);
  expect(new Set(settled.map(({ job }) => job.id)).size).toBe(6);
  await work.worker.close();
  expect(await client.exists(key('fair:active'), key('fair:busy'))).toBe(0);
  await client.quit();
});

// Within less time than it takes until the job of before is found to be stalled, which would let them start as well.
test('jobs beyond the share under workers of before start under those that allow more', {
  timeout: 20_000,
}, async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  const { processor, open } = gate();
  await add(site, queue, 'acme', 3);
  const before = site.work(queue, processor, { fair: { concurrency: 1 } });
  await new Promise((resolve) => before.worker.once('active', resolve));
  await before.worker.close(true);
  await site.work(queue, async () => {}, { fair: true }).settled(2);
  open();
});

test('a new priority is heeded for jobs that are lined up', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  const { processor, open } = gate();
  const order: string[] = [];
  await site.tenancy.run('acme', () => queue.addBulk(['first', 'a', 'b', 'c'].map((name) => ({ name, data: {} }))));
  const work = site.work(
    queue,
    async (job) => {
      order.push(job.name);
      await processor(job);
    },
    { fair: { concurrency: 1 } },
  );
  await site.tenancy.run('acme', async () => {
    await expect.poll(() => order).toEqual(['first']);
    const [a, , c] = await queue.getWaiting();
    await a?.changePriority({ priority: 5 });
    await c?.changePriority({ priority: 3 });
    expect(await queue.getJobCounts('waiting', 'prioritized')).toEqual({ waiting: 1, prioritized: 2 });
  });
  open();
  await work.settled(4);
  expect(order).toEqual(['first', 'b', 'c', 'a']);
});

test('a job that is put first with a new priority is the next of its tenant', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  const { processor, open } = gate();
  const order: string[] = [];
  const names = ['first', 'a', 'b', 'c', 'd', 'e'];
  await site.tenancy.run('acme', () => queue.addBulk(names.map((name) => ({ name, data: {} }))));
  const work = site.work(
    queue,
    async (job) => {
      order.push(job.name);
      await processor(job);
    },
    { fair: { concurrency: 1 } },
  );
  await site.tenancy.run('acme', async () => {
    await expect.poll(() => order).toEqual(['first']);
    const waiting = await queue.getWaiting();
    const jobOf = (name: string) => waiting.find((job) => job.name === name);
    await jobOf('c')?.changePriority({ lifo: true });
    for (const name of ['a', 'd']) await jobOf(name)?.changePriority({ priority: 2 });
    await jobOf('e')?.changePriority({ priority: 2, lifo: true });
  });
  open();
  await work.settled(6);
  expect(order).toEqual(['first', 'c', 'b', 'e', 'a', 'd']);
  const client = new Redis(site.url);
  for (const { id } of await queue.getCompleted()) {
    expect(await client.hexists(`${site.prefix}:${queue.name}:${id}`, 'fair:first')).toBe(0);
  }
  await client.quit();
});

test('jobs that are lined up are cleaned as those that wait, or have a priority', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  const { processor, open } = gate();
  const jobs = ['first', 'a', 'b', 'c', 'd', 'e'].map((name, n) => ({
    name,
    data: {},
    opts: n > 3 ? { priority: 2 } : {},
  }));
  await site.tenancy.run('acme', () => queue.addBulk(jobs));
  const done: string[] = [];
  const work = site.work(
    queue,
    async (job) => {
      done.push(job.name);
      await processor(job);
    },
    { fair: { concurrency: 1 } },
  );
  await expect.poll(() => done).toEqual(['first']);
  await site.tenancy.central(async () => {
    expect(await queue.clean(60_000, 100, 'wait')).toEqual([]);
    expect(await queue.clean(0, 1, 'prioritized')).toHaveLength(1);
    expect(await queue.getJobCounts('waiting', 'prioritized')).toEqual({ waiting: 3, prioritized: 1 });
    expect(await queue.clean(0, 2, 'wait')).toHaveLength(2);
    // What a worker has not lined up yet is cleaned with the rest.
    await site.tenancy.run('beta', () => queue.add('late', {}));
    expect(await queue.clean(0, 0, 'wait')).toHaveLength(2);
    expect(await queue.getJobCounts('waiting', 'prioritized')).toEqual({ waiting: 0, prioritized: 1 });
  });
  await site.tenancy.run('acme', () => queue.add('last', {}));
  open();
  await work.settled(3);
  expect(done).toEqual(['first', 'last', 'e']);
});
