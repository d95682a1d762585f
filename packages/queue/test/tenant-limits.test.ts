import { isTenancyError, type Tenant } from '@omnitenant/core';
import { testRedis } from '@omnitenant/tooling';
import { type Job, RateLimitError } from 'bullmq';
import { expect, test } from 'vitest';
import { type FairOptions, type Queue, Worker } from '../src/index.ts';
import { openSite, type Site } from './fixtures/site.ts';

async function add(site: Site, queue: Queue, tenant: string, count: number): Promise<void> {
  const jobs = Array.from({ length: count }, () => ({ name: tenant, data: {} }));
  await site.tenancy.run(tenant, () => queue.addBulk(jobs));
}

/** Does jobs, each for a moment, and notes how many of each tenant are active at once, and in which order they start. */
function observer() {
  const active = new Map<string, number>();
  const most: Record<string, number> = {};
  const order: string[] = [];
  const times = new Map<string, number[]>();
  async function processor({ name }: Job) {
    order.push(name);
    times.set(name, [...(times.get(name) ?? []), Date.now()]);
    active.set(name, (active.get(name) ?? 0) + 1);
    most[name] = Math.max(most[name] ?? 0, active.get(name) ?? 0);
    await new Promise((resolve) => setTimeout(resolve, 5));
    active.set(name, (active.get(name) ?? 0) - 1);
  }
  return { processor, most, order, times };
}

const bigAcme = (value: number) => (tenant: Tenant) => (tenant.id === 'acme' ? value : undefined);

test('each tenant has its own concurrency, from its first job on, over all workers', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  const { processor, most } = observer();
  const fair = { concurrency: (tenant: Tenant) => (tenant.id === 'acme' ? 4 : 1) };
  await Promise.all([add(site, queue, 'acme', 40), add(site, queue, 'beta', 10)]);
  const works = [1, 2].map(() => site.work(queue, processor, { fair, concurrency: 10 }));
  await Promise.race(works.map(({ settled }) => settled(25)));
  while ((await queue.getCompletedCount()) < 50) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(most).toEqual({ acme: 4, beta: 1 });
});

test('a limit follows the tenant’s plan', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  const limits: Record<string, number> = { acme: 1 };
  const { processor, most } = observer();
  const fair = { concurrency: ({ id }: Tenant) => limits[id] ?? 1 };
  const work = site.work(queue, processor, { fair, concurrency: 10 });
  await add(site, queue, 'acme', 5);
  await work.settled(5);
  expect(most).toEqual({ acme: 1 });
  limits.acme = 3;
  await add(site, queue, 'acme', 20);
  await work.settled(25);
  expect(most).toEqual({ acme: 3 });
});

test.each<[string, FairOptions['rate']]>([
  ['for all tenants', { max: 3, durationMs: 600 }],
  ['by tenant', (tenant) => (tenant.id === 'acme' ? { max: 3, durationMs: 600 } : undefined)],
])('no more jobs of a tenant start in a window than its rate allows: %s', async (_, rate) => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  const { processor, times } = observer();
  const work = site.work(queue, processor, { fair: { rate }, concurrency: 10 });
  await Promise.all([add(site, queue, 'acme', 8), add(site, queue, 'beta', 3)]);
  await work.settled(11);
  const of = (name: string) => times.get(name) ?? [];
  const began = of('acme')[0] ?? 0;
  expect(of('acme').filter((at) => at < began + 400)).toHaveLength(3);
  expect(of('acme').filter((at) => at < began + 1_000).length).toBeLessThanOrEqual(6);
  expect(Math.max(...of('beta'))).toBeLessThan(began + 400);
});

test('a tenant with a weight starts as many jobs while others start one', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  const { processor, order } = observer();
  await Promise.all([add(site, queue, 'acme', 60), add(site, queue, 'beta', 60)]);
  await site.work(queue, processor, { fair: { weight: bigAcme(3) } }).settled(60);
  const acme = order.slice(20, 60).filter((name) => name === 'acme').length;
  expect(acme).toBeGreaterThanOrEqual(28);
  expect(acme).toBeLessThanOrEqual(32);
});

test('limits that are no numbers above 0 are refused, or reported', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  const { connection, prefix, tenancy } = site;
  const misspelt = { concurency: 1 } as object;
  for (const fair of [
    misspelt,
    { concurrency: 0 },
    { concurrency: Number.NaN },
    { rate: { max: 1, durationMs: -1 } },
  ]) {
    const make = () => new Worker(queue.name, async () => {}, { connection, prefix, tenancy, fair, autorun: false });
    expect(make).toThrow(expect.toSatisfy((error) => isTenancyError(error, 'CONFIG_INVALID')));
  }
  const work = site.work(queue, async () => {}, { fair: { weight: () => 0 } });
  const { promise: reported, resolve } = Promise.withResolvers<Error>();
  work.worker.on('error', resolve);
  await add(site, queue, 'acme', 1);
  await work.settled(1);
  expect((await reported).message).toContain('fair.weight');
});

test('a tenant that is paused has no job started until it is resumed, and others go on', async () => {
  await using site = await openSite(await testRedis());
  const { tenancy } = site;
  const queue = site.queue();
  const { processor, order } = observer();
  await tenancy.run('acme', () => queue.pause());
  const work = site.work(queue, processor, { fair: true });
  await Promise.all([add(site, queue, 'acme', 3), add(site, queue, 'beta', 3)]);
  await work.settled(3);
  expect(order).toEqual(['beta', 'beta', 'beta']);
  expect(await tenancy.run('acme', () => queue.isPaused())).toBe(true);
  expect(await tenancy.run('beta', () => queue.isPaused())).toBe(false);
  expect(await queue.isPaused()).toBe(false);
  expect(await tenancy.run('acme', () => queue.getWaitingCount())).toBe(3);
  await tenancy.run('acme', () => queue.resume());
  await work.settled(6);
  expect(await tenancy.run('acme', () => queue.isPaused())).toBe(false);
});

test.each([true, false])('a tenant that is told to slow down holds back no other (fair: %s)', async (fair) => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  const done: string[] = [];
  let toldMs = 0;
  let againMs = 0;
  const work: ReturnType<typeof site.work> = site.work(
    queue,
    async ({ name, attemptsMade }) => {
      if (name === 'acme' && toldMs === 0) {
        toldMs = Date.now();
        await work.worker.rateLimit(600);
        throw new RateLimitError();
      }
      if (name === 'acme' && againMs === 0) againMs = Date.now();
      done.push(`${name} ${attemptsMade}`);
    },
    { fair, limiter: { max: 100, duration: 1_000 } },
  );
  await add(site, queue, 'acme', 2);
  await add(site, queue, 'beta', 2);
  await work.settled(2);
  expect(done).toEqual(['beta 0', 'beta 0']);
  await work.settled(4);
  expect(done).toHaveLength(4);
  expect(done.every((entry) => entry.endsWith(' 0'))).toBe(true);
  expect(againMs - toldMs).toBeGreaterThanOrEqual(590);
});

test('the queue can be told in the tenant’s scope too, and in central it is told for all', async () => {
  await using site = await openSite(await testRedis());
  const { tenancy } = site;
  const queue = site.queue();
  const times = new Map<string, number>();
  const work = site.work(queue, async ({ name }) => void times.set(name, Date.now()), { fair: true });
  const began = Date.now();
  await tenancy.run('acme', () => queue.rateLimit(1_500));
  await Promise.all([add(site, queue, 'acme', 1), add(site, queue, 'beta', 1)]);
  await work.settled(2);
  expect((times.get('acme') ?? 0) - began).toBeGreaterThanOrEqual(1_490);
  expect(times.get('beta') ?? 0).toBeLessThan(times.get('acme') ?? 0);
});
