import { testRedis } from '@omnitenant/tooling';
import type { Job } from 'bullmq';
import { expect, test } from 'vitest';
import type { Queue } from '../src/index.ts';
import { openSite } from './fixtures/site.ts';

test('one tenant’s ten thousand jobs do not make another’s one wait for them', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  await addMany(queue, 10_000, (add) => site.tenancy.run('acme', add));
  await site.tenancy.run('beta', () => queue.add('lone', {}));
  const { order, done, seen } = recorder((name) => name === 'lone');
  const work = site.work(queue, done, { fair: true });
  await seen;
  await work.worker.close();
  expect(order.indexOf('lone')).toBeLessThanOrEqual(2);
});

test('one that comes later does not wait for the backlog either', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  await addMany(queue, 3_000, (add) => site.tenancy.run('acme', add));
  const { order, done, seen } = recorder((name) => name === 'lone');
  let before = -1;
  const work = site.work(
    queue,
    async (job) => {
      if (order.length === 50) {
        await site.tenancy.run('beta', () => queue.add('lone', {}));
        before = order.length;
      }
      await done(job);
    },
    { fair: true },
  );
  await seen;
  await work.worker.close();
  expect(order.indexOf('lone') - before).toBeLessThanOrEqual(3);
});

test('tenants take turns, each in the order of its own jobs', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue<number>();
  await site.tenancy.tenants.create({ id: 'gamma' });
  for (const [id, count] of [
    ['acme', 6],
    ['beta', 4],
    ['gamma', 2],
  ] as const) {
    await site.tenancy.run(id, () => queue.addBulk(Array.from({ length: count }, (_, n) => ({ name: id, data: n }))));
  }
  const order: string[] = [];
  const work = site.work(queue, async (job) => void order.push(`${job.name} ${job.data}`), { fair: true });
  await work.settled(12);
  const rounds = [order.slice(0, 3), order.slice(3, 6), order.slice(6, 8), order.slice(8, 10), order.slice(10)];
  expect(rounds.map((round) => round.toSorted())).toEqual([
    ['acme 0', 'beta 0', 'gamma 0'],
    ['acme 1', 'beta 1', 'gamma 1'],
    ['acme 2', 'beta 2'],
    ['acme 3', 'beta 3'],
    ['acme 4', 'acme 5'],
  ]);
});

test('jobs that are due later, or again, take turns from when they are due', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  const jobs = Array.from({ length: 300 }, () => ({ name: 'acme', data: {}, opts: { delay: 1 } }));
  await site.tenancy.run('acme', () => queue.addBulk(jobs));
  await addMany(queue, 5, (add) => site.tenancy.run('beta', add), 'beta');
  const order: string[] = [];
  const work = site.work(queue, async (job) => void order.push(job.name), { fair: true });
  await work.settled(305);
  expect(order.lastIndexOf('beta')).toBeLessThanOrEqual(12);
});

test('no more jobs of a tenant than allowed are done at a time, by all workers together, and none is left out', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  const atWork = new Map<string, number>();
  const most = new Map<string, number>();
  async function processor(job: Job) {
    const count = (atWork.get(job.name) ?? 0) + 1;
    atWork.set(job.name, count);
    most.set(job.name, Math.max(count, most.get(job.name) ?? 0));
    await new Promise((resolve) => setTimeout(resolve, 1));
    atWork.set(job.name, (atWork.get(job.name) ?? 0) - 1);
  }
  const options = { fair: { concurrency: 3 }, concurrency: 20 };
  const works = [site.work(queue, processor, options), site.work(queue, processor, options)];
  const all = new Set<string>();
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const { worker } of works) {
    worker.on('completed', (job) => {
      all.add(String(job.id));
      if (all.size === 340) resolve();
    });
  }
  await Promise.all([
    addMany(queue, 300, (add) => site.tenancy.run('acme', add), 'acme'),
    addMany(queue, 40, (add) => site.tenancy.run('beta', add), 'beta'),
  ]);
  await promise;
  expect([...most.values()]).toEqual([3, 3]);
});

test('a tenant that fills its share leaves room for others, however long its jobs take', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  await addMany(queue, 20, (add) => site.tenancy.run('acme', add), 'acme');
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  let acme = 0;
  const { promise: full, resolve: fill } = Promise.withResolvers<void>();
  const work = site.work(
    queue,
    async (job) => {
      if (job.name !== 'acme') return;
      acme += 1;
      if (acme === 2) fill();
      await over;
    },
    { fair: { concurrency: 2 }, concurrency: 4 },
  );
  await full;
  await site.tenancy.run('beta', () => queue.add('beta', {}));
  const [{ job } = {}] = await work.settled(1);
  expect(job?.name).toBe('beta');
  expect(acme).toBe(2);
  end();
  await work.settled(21);
});

test('a share that a crashed worker took is free again', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  await addMany(queue, 3, (add) => site.tenancy.run('acme', add), 'acme');
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  const fair = { concurrency: 1 };
  const gone = site.work(
    queue,
    () => {
      begin();
      return over;
    },
    {
      fair,
      lockDuration: 50,
      skipLockRenewal: true,
      skipStalledCheck: true,
    },
  );
  await begun;
  await gone.worker.pause(true);
  const work = site.work(queue, async () => {}, { fair, stalledInterval: 30 });
  await work.settled(3);
  end();
  await gone.worker.close(true);
});

function recorder(last: (name: string) => boolean) {
  const order: string[] = [];
  const { promise: seen, resolve } = Promise.withResolvers<void>();
  async function done({ name }: Job) {
    order.push(name);
    if (last(name)) resolve();
  }
  return { order, done, seen };
}

async function addMany(
  queue: Queue,
  count: number,
  inTenant: (add: () => Promise<unknown>) => Promise<unknown>,
  name = 'one of many',
): Promise<void> {
  await inTenant(() => queue.addBulk(Array.from({ length: count }, () => ({ name, data: {} }))));
}
