import { createTenancy, memoryStore } from '@omnitenant/core';
import { resourceSuite } from '@omnitenant/core/testing';
import { testRedis } from '@omnitenant/tooling';
import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { Queue, queueResource } from '../src/index.ts';
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
        // All but what BullMQ keeps of the queue itself.
        stored: async () =>
          (await client.keys(`${redis.prefix}*`)).filter((key) => !/:(?:meta|id|events|marker|pc|wait)$/.test(key)),
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
