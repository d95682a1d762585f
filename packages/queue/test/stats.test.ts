import { tracingChannel } from 'node:diagnostics_channel';
import { createTenancy, memoryStore } from '@omnitenant/core';
import { testRedis } from '@omnitenant/tooling';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Queue, queueResource } from '../src/index.ts';
import { openSite } from './fixtures/site.ts';

test('a queue counts the jobs of all tenants, and what fairness holds back', async () => {
  await using site = await openSite(await testRedis());
  const { tenancy } = site;
  const queue = site.queue();
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  const add = (tenant: string, count: number, delay = 0) =>
    tenancy.run(tenant, () =>
      queue.addBulk(Array.from({ length: count }, () => ({ name: tenant, data: {}, opts: { delay } }))),
    );
  await add('acme', 5);
  await add('beta', 1, 3_600_000);
  expect(await queue.stats()).toMatchObject({ waiting: 5, delayed: 1, active: 0, heldBack: 0 });
  const work = site.work(
    queue,
    async ({ name }) => {
      await opened;
      if (name === 'beta') throw new Error('Failed.');
    },
    { fair: { concurrency: 1 }, concurrency: 3 },
  );
  await vi.waitFor(async () => expect(await queue.stats()).toMatchObject({ active: 1, waiting: 4, heldBack: 4 }));
  await add('beta', 2);
  await vi.waitFor(async () => expect(await queue.stats()).toMatchObject({ active: 2, waiting: 5, heldBack: 5 }));
  open();
  await work.settled(7);
  expect(await queue.stats()).toEqual({
    waiting: 0,
    prioritized: 0,
    delayed: 1,
    active: 0,
    waitingChildren: 0,
    completed: 5,
    failed: 2,
    heldBack: 0,
  });
  await expect(tenancy.run('acme', () => queue.stats())).rejects.toMatchObject({ code: 'CROSS_TENANT' });
});

test('what waits for a worker only is not held back', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  await site.tenancy.run('acme', () => queue.addBulk(Array.from({ length: 5 }, () => ({ name: 'job', data: {} }))));
  const work = site.work(queue, () => opened, { fair: { concurrency: 2 }, concurrency: 1 });
  await vi.waitFor(async () => expect(await queue.stats()).toMatchObject({ active: 1, waiting: 4, heldBack: 0 }));
  open();
  await work.settled(5);
});

test('each job is told with its tenant, from its start to its end', async () => {
  await using site = await openSite(await testRedis());
  const { tenancy } = site;
  const queue = site.closing(new Queue('told', { connection: site.connection, prefix: site.prefix }));
  const told: unknown[] = [];
  const handlers = {
    start: ({ name, tenant, queue: of }: Record<string, unknown>) => void told.push(['start', name, tenant, of]),
    end() {},
    asyncStart() {},
    asyncEnd: ({ name, error }: Record<string, unknown>) =>
      void told.push(['end', name, (error as Error | undefined)?.message]),
    error() {},
  };
  const channel = tracingChannel('omnitenant:queue:job');
  channel.subscribe(handlers as never);
  onTestFinished(() => void channel.unsubscribe(handlers as never));
  const work = site.work(queue, async ({ name }) => {
    if (name === 'bad') throw new Error('Failed.');
  });
  await tenancy.run('acme', () => queue.add('good', {}));
  await work.settled(1);
  await tenancy.run('beta', () => queue.add('bad', {}));
  await work.settled(2);
  expect(told).toEqual([
    ['start', 'good', 'acme', 'told'],
    ['end', 'good', undefined],
    ['start', 'bad', 'beta', 'told'],
    ['end', 'bad', 'Failed.'],
  ]);
});

test('health asks the server of a queue', async () => {
  const redis = await testRedis();
  onTestFinished(redis.drop);
  const { hostname: host, port } = new URL(redis.url);
  const queue = new Queue('asked', { connection: { host, port: Number(port || 6379) }, prefix: redis.prefix });
  const down = new Queue('down', {
    connection: {
      port: 1,
      password: 'confidential',
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      retryStrategy: () => 20,
    },
    skipWaitingForReady: true,
  });
  down.on('error', () => {});
  await using tenancy = createTenancy({ store: memoryStore(), resources: [queueResource(queue), queueResource(down)] });
  const { ready, checks } = await tenancy.health({ timeoutMs: 5_000 });
  const found = Object.fromEntries(checks.map(({ name, status }) => [name, status]));
  expect(found).toMatchObject({ 'queue asked': 'ok', 'queue down': 'failed' });
  expect(ready).toBe(false);
  expect(JSON.stringify(checks)).not.toContain('confidential');
});
