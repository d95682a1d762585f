import { createTenancy, isTenancyError, memoryStore } from '@omnitenant/core';
import { resourceSuite } from '@omnitenant/core/testing';
import { testRedis } from '@omnitenant/tooling';
import { redisServer } from '@omnitenant/tooling/services';
import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { FlowProducer, Queue, queueResource } from '../src/index.ts';
import { openSite } from './fixtures/site.ts';

describe('a queue keeps the promises of a resource', () => {
  resourceSuite<Queue<string>>({
    test,
    async createResource() {
      const redis = await testRedis();
      const client = new Redis(redis.url, { maxRetriesPerRequest: null });
      const queue = new Queue<string>('notes', { connection: client, prefix: redis.prefix });
      return {
        resource: queueResource(queue),
        write: (handle, name, value) => handle.add('note', value, { jobId: name }),
        read: async (handle, name) => (await handle.getJob(name))?.data,
        // All but what BullMQ keeps of the queue itself, and which tenants were removed within a day.
        stored: async () =>
          (await client.keys(`${redis.prefix}*`)).filter(
            (key) => !/:(?:meta|id|events|marker|pc|wait|tenants)$/.test(key),
          ),
        async close() {
          await client.quit();
          await redis.drop();
        },
      };
    },
  });
});

test('a tenant that is removed takes its jobs of every state and its schedules along, and leaves those of others', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue<number>('states');
  const tenancy = createTenancy({ store: memoryStore(), resources: [queueResource(queue)] });
  for (const id of ['acme', 'acme-two']) {
    await tenancy.tenants.create({ id });
    await tenancy.run(id, async () => {
      const many = Array.from({ length: 450 }, (_, n) => n);
      await queue.addBulk(many.map((n) => ({ name: 'now', data: n })));
      await queue.addBulk(many.map((n) => ({ name: 'later', data: n, opts: { delay: 100_000 } })));
      await queue.addBulk(many.map((n) => ({ name: 'first', data: n, opts: { priority: 1 + (n % 3) } })));
      await queue.upsertJobScheduler('nightly', { pattern: '0 3 * * *' });
    });
  }
  const { id: kept } = await tenancy.run('acme-two', () => queue.add('now', 0, { jobId: 'kept' }));
  await tenancy.tenants.remove('acme');
  const left = await queue.getJobs();
  expect(left).toHaveLength(3 * 450 + 2);
  expect(new Set(left.map(({ opts }) => String(Reflect.get(opts, 'tenant')).split('@')[0]))).toEqual(
    new Set(['acme-two']),
  );
  expect(await queue.getJobSchedulersCount()).toBe(1);
  expect(await queue.getJob(kept ?? '')).toBeDefined();
  await tenancy.close();
});

test('a tenant that is removed in the middle of its turns leaves nothing but what is at work', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue<number>();
  await using tenancy = createTenancy({ store: memoryStore(), resources: [queueResource(queue)] });
  await tenancy.tenants.create({ id: 'acme' });
  await tenancy.run('acme', () => queue.addBulk([1, 2, 3, 4, 5].map((data) => ({ name: 'job', data }))));
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  const seen: number[] = [];
  async function processor({ data }: { data: number }) {
    seen.push(data);
    begin();
    await over;
  }
  const work = site.work(queue, processor, { tenancy, fair: { concurrency: 1 }, removeOnComplete: { count: 0 } });
  await begun;
  await tenancy.tenants.remove('acme');
  const client = new Redis(site.url);
  const left = async () => (await client.keys(`${site.prefix}*`)).filter((key) => key.includes('acme@'));
  expect(await left()).toEqual([]);
  end();
  await work.settled(1);
  await work.worker.close();
  expect(seen).toEqual([1]);
  expect(await left()).toEqual([]);
  await client.quit();
  expect(await queue.getJobs()).toEqual([]);
});

test.each([
  ['', {}],
  ['delayed', { delay: 60_000 }],
  ['prioritized', { priority: 2 }],
])('a flow with %s children is removed whole', async (_, opts) => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  await using tenancy = createTenancy({ store: memoryStore(), resources: [queueResource(queue)] });
  await tenancy.tenants.create({ id: 'acme' });
  const flows = site.closing(new FlowProducer({ connection: site.connection, prefix: site.prefix }));
  const child = { name: 'child', queueName: queue.name, opts };
  const parent = { ...child, name: 'parent', children: [child, child] };
  await tenancy.run('acme', () => flows.add({ name: 'grandparent', queueName: queue.name, children: [parent] }));
  await tenancy.tenants.remove('acme');
  expect(await queue.getJobs()).toEqual([]);
});

test('what a removed tenant’s jobs returned, reported and failed with is in no event', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  await using tenancy = createTenancy({ store: memoryStore(), resources: [queueResource(queue)] });
  for (const id of ['acme', 'beta']) await tenancy.tenants.create({ id });
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  const options = { tenancy, concurrency: 9, removeOnComplete: { count: 0 } };
  const work = site.work(
    queue,
    async (job) => {
      const { id } = tenancy.current();
      await job.updateProgress({ reported: id });
      if (job.name === 'fails') throw new Error(`failed ${id}`);
      if (job.name === 'at work') {
        begin();
        await over;
      }
      return `returned ${id}`;
    },
    options,
  );
  for (const id of ['acme', 'beta']) {
    await tenancy.run(id, () => queue.addBulk(['works', 'fails'].map((name) => ({ name, data: {} }))));
  }
  await tenancy.run('acme', () => queue.add('at work', {}, { removeOnComplete: false }));
  await work.settled(4);
  await begun;
  const client = new Redis(site.url);
  const told = async () =>
    (await client.xrange(`${site.prefix}:${queue.name}:events`, '-', '+')).map((event) => JSON.stringify(event));
  const of = (id: string, events: string[]) => events.filter((event) => event.includes(id));
  expect(of('acme', await told())).toHaveLength(2 + 3);
  await tenancy.tenants.remove('acme');
  expect(of('acme', await told())).toEqual([]);
  end();
  await work.settled(5);
  expect(of('acme', await told())).toEqual([]);
  expect(of('beta', await told())).toHaveLength(4);
  await client.quit();
  expect((await queue.getJobs()).map(({ name }) => name)).toEqual(['fails']);
});

test('a process that has not heard that a tenant was removed adds no job and no schedule for it', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  const store = memoryStore();
  await using tenancy = createTenancy({ store, resources: [queueResource(queue)] });
  await using elsewhere = createTenancy({ store });
  await tenancy.tenants.create({ id: 'acme' });
  await elsewhere.run('acme', async () => {
    await tenancy.tenants.remove('acme');
    const unknown = expect.toSatisfy((error) => isTenancyError(error, 'TENANT_UNKNOWN'));
    await expect(queue.add('job', {})).rejects.toEqual(unknown);
    await expect(queue.addBulk([{ name: 'job', data: {} }])).rejects.toEqual(unknown);
    await expect(queue.upsertJobScheduler('nightly', { every: 1_000 })).rejects.toEqual(unknown);
    const flows = site.closing(new FlowProducer({ connection: site.connection, prefix: site.prefix }));
    const flow = { name: 'parent', queueName: queue.name, children: [{ name: 'child', queueName: queue.name }] };
    await expect(flows.add(flow)).rejects.toEqual(unknown);
  });
  expect([await queue.getJobs(), await queue.getJobSchedulersCount()]).toEqual([[], 0]);
  await tenancy.tenants.create({ id: 'acme' });
  await tenancy.run('acme', () => queue.add('job', {}));
});

test('the index of a tenant’s jobs does not grow with jobs that are gone', async () => {
  await using site = await openSite(await testRedis());
  const { connection, prefix } = site;
  const queue = site.closing(new Queue('jobs', { connection, prefix, streams: { events: { maxLen: 1 } } }));
  const client = new Redis(site.url);
  const size = async () => {
    const keys = await client.keys(`${site.prefix}:*:tenant:*`);
    return (await Promise.all(keys.map((key) => client.zcard(key)))).reduce((sum, count) => sum + count, 0);
  };
  const work = site.work(queue, async () => {}, { removeOnComplete: { count: 0 } });
  await site.tenancy.run('acme', () => queue.addBulk(Array.from({ length: 2_000 }, () => ({ name: 'job', data: {} }))));
  await work.settled(2_000);
  expect(await size()).toBeLessThan(700);
  for (let n = 0; n < 20; n += 1) {
    await site.tenancy.run('acme', () => queue.addBulk(Array.from({ length: 100 }, () => ({ name: 'job', data: {} }))));
    await work.worker.pause();
    await site.tenancy.central(() => queue.drain());
  }
  expect(await size()).toBeLessThan(900);
  await client.quit();
});

test('what a removal does in Redis does not grow with the jobs of other tenants', async () => {
  const calls = await Promise.all([0, 6_000].map(callsOfRemoval));
  const [alone = 0, beside = 0] = calls;
  // The stream of events is everybody's, and BullMQ keeps it short: it is read in pages.
  expect(beside - alone).toBeLessThan(60);
  expect(alone).toBeGreaterThan(100);
});

/** How many commands Redis runs, those in scripts included, to remove a tenant beside so many jobs of another one. */
async function callsOfRemoval(others: number): Promise<number> {
  const server = await redisServer();
  await using site = await openSite({ url: server.url, prefix: '', drop: () => server.stop() });
  const queue = site.queue<number>();
  const tenancy = createTenancy({ store: memoryStore(), resources: [queueResource(queue)] });
  const admin = new Redis(server.url);
  for (const [id, count] of [
    ['beta', others],
    ['acme', 60],
  ] as const) {
    await tenancy.tenants.create({ id });
    // None of acme's waits in the list, which nothing tells whose jobs are where in.
    const states = [{ delay: 100_000 }, { priority: 3 }, ...(id === 'acme' ? [] : [{}])];
    const jobs = Array.from({ length: count }, (_, n) => ({
      name: 'job',
      data: n,
      opts: states[n % states.length] ?? {},
    }));
    if (count > 0) await tenancy.run(id, () => queue.addBulk(jobs));
  }
  const before = totalOf(await admin.info('commandstats'));
  await tenancy.tenants.remove('acme');
  const after = totalOf(await admin.info('commandstats'));
  expect(await queue.getJobCountByTypes('waiting', 'delayed', 'prioritized')).toBe(others);
  await tenancy.close();
  await admin.quit();
  return after - before;
}

function totalOf(commandstats: string): number {
  return [...commandstats.matchAll(/:calls=(\d+)/g)].reduce((sum, [, calls]) => sum + Number(calls), 0);
}
