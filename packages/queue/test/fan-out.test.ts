import { memoryStore, type Tenant } from '@omnitenant/core';
import { currentScope, type TenantStore } from '@omnitenant/core/extend';
import { testRedis } from '@omnitenant/tooling';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { Queue } from '../src/index.ts';
import { openSite } from './fixtures/site.ts';

function here() {
  const scope = currentScope();
  return scope?.kind === 'tenant' ? scope.tenant.id : scope?.kind;
}

test('one schedule has its job done once in each active tenant, at each occurrence', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue<string>();
  for (const id of ['gamma', 'delta']) await site.tenancy.tenants.create({ id });
  await site.tenancy.tenants.suspend('gamma');
  await site.tenancy.central(() =>
    queue.upsertJobSchedulerForTenants('digest', { every: 25, limit: 2 }, { data: 'weekly', opts: { attempts: 2 } }),
  );
  expect(await queue.getJobSchedulersCount()).toBe(1);
  const seen: string[] = [];
  const work = site.work(
    queue,
    async (job) => void seen.push(`${here()} ${job.name} ${job.data} ${job.opts.attempts}`),
  );
  await work.settled(2 + 6);
  expect(seen.sort()).toEqual(['acme', 'beta', 'delta'].flatMap((id) => Array(2).fill(`${id} digest weekly 2`)));
});

test('a fan-out that is done again, as any job may be, adds no tenant’s job twice', async () => {
  await using site = await openSite(await testRedis());
  let failing = true;
  const { all } = site.tenancy.tenants;
  Object.assign(site.tenancy.tenants, {
    async *all() {
      yield* all();
      if (failing) throw new Error('The store is gone in the middle.');
    },
  });
  const many = Array.from({ length: 499 }, (_, n) => `tenant-${n}`);
  for (const id of many) await site.tenancy.tenants.create({ id });
  const queue = site.queue();
  let retries = 0;
  let done = 0;
  const work = site.work(queue, async () => {
    done += 1;
  });
  work.worker.on('failed', () => {
    retries += 1;
    failing = false;
  });
  await site.tenancy.central(() =>
    queue.upsertJobSchedulerForTenants(
      'digest',
      { every: 60_000, limit: 1 },
      { opts: { attempts: 2, removeOnComplete: true } },
    ),
  );
  await work.settled(1 + 1 + 501);
  expect({ retries, done, left: await queue.count() }).toEqual({ retries: 1, done: 501, left: 0 });
});

test('a page that was added, and not noted down, is not added twice', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  const seen: string[] = [];
  const work = site.work(queue, async () => void seen.push(String(here())));
  const { backend } = work.worker;
  const { promise: failed, resolve: fail } = Promise.withResolvers<void>();
  const updateProgress = backend.updateProgress.bind(backend);
  backend.updateProgress = async () => {
    backend.updateProgress = updateProgress;
    fail();
    throw new Error('It is cut short here.');
  };
  await site.tenancy.central(() =>
    queue.upsertJobSchedulerForTenants('digest', { every: 60_000, limit: 1 }, { opts: { attempts: 2 } }),
  );
  await failed;
  await work.settled(1 + 1 + 2);
  expect(seen.sort()).toEqual(['acme', 'beta']);
  expect(await queue.getJobs()).toHaveLength(1 + 2);
});

test('while the store is down it is held, and then goes on where it was', async () => {
  const store = memoryStore();
  let reads = 0;
  const failing: TenantStore = {
    ...store,
    async *all(filter) {
      reads += 1;
      if (reads <= 2) throw new Error('The store is down.');
      yield* store.all(filter);
    },
  };
  await using site = await openSite(await testRedis(), { store: failing });
  const queue = site.queue();
  await site.tenancy.central(() => queue.upsertJobSchedulerForTenants('digest', { every: 60_000, limit: 1 }));
  const seen: string[] = [];
  const work = site.work(queue, async () => void seen.push(String(here())), { holdForMs: 10 });
  const settled = await work.settled(1 + 2);
  expect(settled.map(({ error }) => error)).toEqual([undefined, undefined, undefined]);
  expect([reads, seen.sort()]).toEqual([3, ['acme', 'beta']]);
});

test.each([
  ['seconds', { every: 10_000 }, 0, 10],
  ['days', { every: 24 * 3_600_000 }, 23 * 60, 24 * 60],
])(
  'what keeps a tenant from a second job is forgotten soon where the schedule is due every few %s',
  async (...test) => {
    const [, repeat, least, most] = test;
    await using site = await openSite(await testRedis());
    const queue = site.queue();
    await site.tenancy.central(() => queue.upsertJobSchedulerForTenants('digest', repeat));
    await site.work(queue, async () => {}).settled(1 + 2);
    const client = new Redis(site.url);
    const keys = await client.keys(`${site.prefix}*:de:*`);
    const left = await Promise.all(keys.map(async (key) => (await client.pttl(key)) / 60_000));
    await client.quit();
    expect(left).toHaveLength(2);
    for (const minutes of left) expect(minutes > least && minutes <= most).toBe(true);
  },
);

test('a schedule is due in the time zone of each tenant', async () => {
  const zones: Record<string, string> = { acme: 'Asia/Tokyo', beta: 'UTC', gamma: 'Nowhere/Land' };
  const timeZone = ({ id }: Tenant) => zones[id];
  await using site = await openSite(await testRedis());
  const { connection, prefix, tenancy } = site;
  for (const id of ['gamma', 'delta']) await tenancy.tenants.create({ id });
  const queue = site.closing(new Queue('jobs', { connection, prefix, timeZone }));
  const soon = new Date(Date.now() + 2_000);
  const pattern = `${soon.getUTCSeconds()} ${soon.getUTCMinutes()} ${soon.getUTCHours()} * * *`;
  await tenancy.central(() => queue.upsertJobSchedulerForTenants('nightly', { pattern, tz: 'UTC' }));
  const seen: (string | undefined)[] = [];
  const work = site.work(queue, async () => void seen.push(here()), { timeZone });
  const errors: Error[] = [];
  work.worker.on('error', (error) => errors.push(error));
  await work.settled(1 + 3);
  expect(seen.sort()).toEqual(['beta', 'delta', 'gamma']);
  expect(errors).toMatchObject([{ code: 'CONFIG_INVALID', tenant: 'gamma' }]);
  const [later] = await tenancy.run('acme', () => queue.getDelayed());
  expect(later?.name).toBe('nightly');
  const due = (later?.timestamp ?? 0) + (later?.delay ?? 0);
  expect(Math.abs(due - soon.getTime() - 15 * 3_600_000)).toBeLessThan(60_000);

  const own = await tenancy.run('acme', async () => {
    await queue.upsertJobScheduler('own', { pattern: '0 3 * * *' });
    await queue.upsertJobScheduler('given', { pattern: '0 3 * * *', tz: 'UTC' });
    return Promise.all(['own', 'given'].map((id) => queue.getJobScheduler(id)));
  });
  expect(own.map((scheduler) => new Date(scheduler?.next ?? 0).getUTCHours())).toEqual([18, 3]);
  await expect(
    tenancy.run('gamma', () => queue.upsertJobScheduler('own', { pattern: '0 3 * * *' })),
  ).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});
