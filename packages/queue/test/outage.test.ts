import { createTenancy, isTenancyError, memoryStore, type Tenancy } from '@omnitenant/core';
import { obtainable, testRedisServer } from '@omnitenant/tooling';
import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { Queue, Worker } from '../src/index.ts';
import { watch } from './fixtures/site.ts';

const unavailable = expect.toSatisfy((error) => isTenancyError(error, 'SERVER_UNAVAILABLE'));
const failFast = { enableOfflineQueue: false, maxRetriesPerRequest: 0, retryStrategy: () => 20 };

describe.skipIf(!(await obtainable('redis-server')))('a Redis in trouble', () => {
  test('that is not there rejects what is added, typed, without the password, for the right tenant', async () => {
    const server = await testRedisServer();
    const port = Number(new URL(server.url).port);
    await using tenancy = await withTenants();
    await server.stop();
    const connection = { port, ...failFast, password: 'hunter2' };
    const queue = quiet(new Queue('jobs', { connection, skipWaitingForReady: true }));
    const error = await tenancy.run('acme', () => queue.add('job', {})).catch((thrown) => thrown);
    expect(error).toEqual(unavailable);
    expect(error).toMatchObject({ status: 503, tenant: 'acme' });
    expect(`${error} ${error.stack} ${error.cause}`).not.toContain('hunter2');
    await queue.close();
  });

  test('that goes and comes back is found again: by those who add and by those who work', async () => {
    const server = await testRedisServer();
    const port = Number(new URL(server.url).port);
    await using tenancy = await withTenants();
    const queue = quiet(new Queue<number>('jobs', { connection: { port, ...failFast } }));
    const done: string[] = [];
    const worker = new Worker<number>('jobs', async ({ data }) => void done.push(`${tenancy.current().id} ${data}`), {
      connection: { port, maxRetriesPerRequest: null, retryStrategy: () => 20 },
      tenancy,
      fair: { concurrency: 2 },
      runRetryDelay: 20,
    });
    const work = watch(worker as never);
    await tenancy.run('acme', () => queue.add('job', 1));
    await work.settled(1);
    await server.stop();
    await expect(tenancy.run('acme', () => queue.add('job', 2))).rejects.toEqual(unavailable);
    await using _back = await testRedisServer({ port });
    for (const [id, data] of [
      ['acme', 2],
      ['beta', 3],
    ] as const) {
      await eventually(() => tenancy.run(id, () => queue.add('job', data, { jobId: `${data}.` })));
    }
    await work.settled(3);
    expect(done.sort()).toEqual(['acme 1', 'acme 2', 'beta 3']);
    await worker.close();
    await queue.close();
  });

  test('that loses its connections in the middle of work loses no job', async () => {
    await using server = await testRedisServer();
    const port = Number(new URL(server.url).port);
    await using tenancy = await withTenants();
    const queue = quiet(new Queue<number>('jobs', { connection: { port } }));
    const admin = new Redis(server.url);
    const done = new Set<string>();
    let jobs = 0;
    async function processor({ data }: { data: number }) {
      done.add(`${tenancy.current().id} ${data}`);
      jobs += 1;
      if (jobs % 40 === 0) await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    }
    const worker = new Worker<number>('jobs', processor, {
      connection: { port, maxRetriesPerRequest: null, retryStrategy: () => 5 },
      tenancy,
      concurrency: 5,
      fair: { concurrency: 2 },
      lockDuration: 300,
      stalledInterval: 100,
      maxStalledCount: 100,
      runRetryDelay: 20,
    });
    watch(worker as never);
    for (const id of ['acme', 'beta']) {
      await tenancy.run(id, () => queue.addBulk(Array.from({ length: 100 }, (_, n) => ({ name: 'job', data: n }))));
    }
    await eventually(async () => expect(await queue.getCompletedCount()).toBe(200));
    expect(done.size).toBe(200);
    expect(await queue.getJobCountByTypes('waiting', 'active', 'delayed', 'prioritized', 'failed')).toBe(0);
    await worker.close();
    await queue.close();
    await admin.quit();
  });

  test('that is out of memory refuses what is added, and what is there is done once there is room', async () => {
    await using server = await testRedisServer({
      flags: () => ['--maxmemory', '40mb', '--maxmemory-policy', 'noeviction'],
    });
    const port = Number(new URL(server.url).port);
    await using tenancy = await withTenants();
    const queue = quiet(new Queue<string>('jobs', { connection: { port } }));
    const admin = new Redis(server.url);
    await tenancy.run('acme', () => queue.add('job', 'before'));
    await admin.config('SET', 'maxmemory', '1mb');
    await expect(tenancy.run('beta', () => queue.add('job', 'refused'))).rejects.toEqual(unavailable);
    const done: string[] = [];
    const { promise: tried, resolve } = Promise.withResolvers<void>();
    const worker = new Worker<string>('jobs', async ({ data }) => void done.push(`${tenancy.current().id} ${data}`), {
      connection: { port, maxRetriesPerRequest: null },
      tenancy,
      fair: true,
      runRetryDelay: 20,
    });
    const work = watch(worker as never);
    worker.on('error', ({ message }) => message.includes('OOM') && resolve());
    await tried;
    await admin.config('SET', 'maxmemory', '40mb');
    await tenancy.run('beta', () => queue.add('job', 'after'));
    await work.settled(2);
    expect(done.sort()).toEqual(['acme before', 'beta after']);
    await worker.close();
    await queue.close();
    await admin.quit();
  });
});

async function withTenants(): Promise<Tenancy> {
  const tenancy = createTenancy({ store: memoryStore() });
  for (const id of ['acme', 'beta']) await tenancy.tenants.create({ id });
  return tenancy;
}

/** The queue, whose errors of connection are expected. */
function quiet<Q extends { on(event: 'error', listener: () => void): unknown }>(queue: Q): Q {
  queue.on('error', () => {});
  return queue;
}

/** Tries until it succeeds; the test's own timeout ends it. */
async function eventually<R>(attempt: () => Promise<R>): Promise<R> {
  for (;;) {
    try {
      return await attempt();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
