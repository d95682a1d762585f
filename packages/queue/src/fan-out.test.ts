import { currentScope } from '@omnitenant/core';
import { testRedis } from '@omnitenant/tooling';
import { expect, test } from 'vitest';
import { openSite } from './fixtures/site.ts';

const here = () => {
  const scope = currentScope();
  return scope?.kind === 'tenant' ? scope.tenant.id : scope?.kind;
};

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
