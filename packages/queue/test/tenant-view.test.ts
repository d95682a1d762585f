import { testRedis } from '@omnitenant/tooling';
import { Job } from 'bullmq';
import { expect, test, vi } from 'vitest';
import { type Queue, tenantOf } from '../src/index.ts';
import { openSite } from './fixtures/site.ts';

const names = (jobs: readonly { readonly name: string }[]) => jobs.map(({ name }) => name);

/** How many jobs the work reads. */
async function reads(queue: Queue<number>, work: () => Promise<unknown>): Promise<number> {
  const read = vi.spyOn(queue.backend, 'getJobData');
  await work();
  const { length } = read.mock.calls;
  read.mockRestore();
  return length;
}

test.each([
  { state: 'waiting', opts: {} },
  { state: 'delayed', opts: { delay: 100_000 } },
  { state: 'prioritized', opts: { priority: 3 } },
] as const)('a page of a tenant’s $state jobs holds its own, and reads no one else’s', async ({ state, opts }) => {
  await using site = await openSite(await testRedis());
  const { tenancy } = site;
  const queue = site.queue<number>();
  for (let n = 0; n < 20; n += 1) {
    await tenancy.run('acme', () =>
      queue.addBulk(Array.from({ length: 50 }, () => ({ name: 'of acme', data: 0, opts }))),
    );
    await tenancy.run('beta', () => queue.add(`beta ${n}`, n, opts));
  }
  await tenancy.run('beta', async () => {
    const page = [10, 11, 12, 13, 14].map((n) => `beta ${n}`);
    expect(names(await queue.getJobs(state, 10, 14, true))).toEqual(page);
    expect(names(await queue.getJobs(state, 0, 1))).toEqual(['beta 19', 'beta 18']);
    expect(await queue.getJobs(state)).toHaveLength(20);
    expect(await queue.getJobCountByTypes(state)).toBe(20);
    expect(await reads(queue, () => queue.getJobs(state, 0, 9))).toBe(10);
  });
  expect(await queue.getJobCountByTypes(state)).toBe(20 * 51);
});

test('a tenant’s counts and lists follow its jobs through all states', async () => {
  await using site = await openSite(await testRedis());
  const { tenancy } = site;
  const queue = site.queue();
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const opts = { attempts: 1 };
  for (const id of ['acme', 'beta']) {
    await tenancy.run(id, async () => {
      await queue.addBulk(['works', 'fails', 'forgotten', 'last'].map((name) => ({ name, data: {}, opts })));
      await queue.add('later', {}, { delay: 100_000 });
      await queue.add('second', {}, { priority: 2, delay: 50_000 });
    });
  }
  let last = 0;
  const work = site.work(
    queue,
    async (job) => {
      if (job.name === 'fails') throw new Error('It fails.');
      if (job.name === 'forgotten') job.opts.removeOnComplete = true;
      if (job.name !== 'last') return;
      last += 1;
      if (last === 2) begin();
      await over;
    },
    { concurrency: 2 },
  );
  await work.settled(6);
  await begun;
  await tenancy.run('beta', async () => {
    expect(await queue.getJobCounts()).toEqual({
      ...{ active: 1, completed: 1, delayed: 2, failed: 1, prioritized: 0, waiting: 0, 'waiting-children': 0 },
    });
    expect(names(await queue.getActive())).toEqual(['last']);
    expect(names(await queue.getFailed())).toEqual(['fails']);
    expect(names(await queue.getJobs(['completed', 'delayed'], 0, 0, true))).toEqual(['works', 'later']);
    expect(await queue.getDelayedCount(Date.now() + 60_000)).toBe(1);
    expect(await queue.count()).toBe(2);
    const [failed] = await queue.getFailed();
    await failed?.retry();
    await (await queue.getJobs('delayed', 0, 0, true))[0]?.remove();
  });
  await tenancy.run('acme', async () => expect(await queue.getDelayedCount()).toBe(2));
  end();
  await work.settled(9);
  await tenancy.central(() => queue.retryJobs({ state: 'failed' }));
  await work.settled(11);
  await tenancy.run('beta', async () => {
    expect(await queue.getJobCounts('completed', 'failed', 'active', 'delayed')).toEqual({
      ...{ completed: 2, failed: 1, active: 0, delayed: 1 },
    });
  });
});

test('jobs of flows and schedules are in their tenant’s list', async () => {
  await using site = await openSite(await testRedis());
  const { tenancy } = site;
  const queue = site.queue();
  for (const id of ['acme', 'beta']) {
    await tenancy.run(id, async () => {
      await queue.upsertJobScheduler('nightly', { pattern: '0 3 * * *' });
      await queue.upsertJobScheduler('often', { every: 60_000 });
    });
  }
  await tenancy.run('beta', async () => {
    expect((await queue.getJobSchedulers()).map(({ key }) => key.split('.')[1])).toEqual(['nightly', 'often']);
    expect(await queue.getJobSchedulers(1, 1)).toHaveLength(1);
    expect(await queue.getJobSchedulersCount()).toBe(2);
    await queue.removeJobScheduler('often');
    expect(await queue.getJobSchedulersCount()).toBe(1);
    expect(await queue.getJobCounts('delayed', 'waiting')).toEqual({ delayed: 1, waiting: 1 });
  });
  const seen: string[] = [];
  await site.work(queue, async ({ name }) => void seen.push(name)).settled(2);
  expect(seen).toEqual(['often', 'often']);
  await tenancy.run('acme', async () => {
    expect(await queue.getJobCounts('completed', 'delayed')).toEqual({ completed: 1, delayed: 2 });
  });
});

test('a tenant’s scope cannot read another tenant’s job by its id', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue<string>();
  const { id = '' } = await site.tenancy.run('acme', () => queue.add('secret', 'of acme'));
  const { worker } = site.work(queue, async () => {}, { autorun: false });
  for (const reader of [queue, worker] as never[]) {
    expect(await site.tenancy.run('beta', () => Job.fromId(reader, id))).toBeUndefined();
    expect((await site.tenancy.run('acme', () => Job.fromId(reader, id)))?.data).toBe('of acme');
    expect((await site.tenancy.central(() => Job.fromId(reader, id)))?.data).toBe('of acme');
  }
});

test('a job tells which tenant it belongs to', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  expect(tenantOf(await site.tenancy.run('acme', () => queue.add('job', {})))).toBe('acme');
  expect(tenantOf(await site.tenancy.central(() => queue.add('job', {})))).toBeUndefined();
  expect(tenantOf({ opts: {} })).toBeUndefined();
});

test('a job that is tried again is waiting in its tenant’s list', async () => {
  await using site = await openSite(await testRedis());
  const { tenancy } = site;
  const queue = site.queue();
  await tenancy.run('acme', () => queue.addBulk([1, 2].map(() => ({ name: 'job', data: {} }))));
  const work = site.work(queue, async () => {
    throw new Error('It fails.');
  });
  await work.settled(2);
  await work.worker.close();
  const counts = () => tenancy.run('acme', () => queue.getJobCounts('waiting', 'failed'));
  await tenancy.run('acme', async () => (await queue.getFailed())[0]?.retry());
  expect(await counts()).toEqual({ waiting: 1, failed: 1 });
  await tenancy.central(() => queue.retryJobs({ state: 'failed' }));
  expect(await counts()).toEqual({ waiting: 2, failed: 0 });
});

test('a job that was read in one tenant, or is named by its id, is not changed in the scope of another', async () => {
  await using site = await openSite(await testRedis());
  const { tenancy } = site;
  const queue = site.queue<string>();
  const job = await tenancy.run('acme', () => queue.add('job', 'of acme', { delay: 100_000 }));
  const { id = '' } = job;
  const refusal = { code: 'CROSS_TENANT' };
  await tenancy.run('beta', async () => {
    await expect(job.updateData('of beta')).rejects.toMatchObject(refusal);
    await expect(job.updateProgress(50)).rejects.toMatchObject(refusal);
    await expect(job.log('of beta')).rejects.toMatchObject(refusal);
    await expect(job.changeDelay(0)).rejects.toMatchObject(refusal);
    await expect(job.promote()).rejects.toMatchObject(refusal);
    await expect(job.remove()).rejects.toMatchObject(refusal);
    await expect(job.getChildrenValues()).rejects.toMatchObject(refusal);
    await expect(Job.addJobLog(queue, id, 'of beta')).rejects.toMatchObject(refusal);
    const forged = Job.fromJSON<string>(queue, job.asJSON() as never, id);
    await expect(forged.updateData('of beta')).rejects.toMatchObject(refusal);
    await expect(Job.addJobLog(queue, 'no-such-job', 'of beta')).rejects.not.toMatchObject(refusal);
  });
  const { data, progress } = (await queue.getJob(id)) ?? {};
  expect({ data, progress }).toEqual({ data: 'of acme', progress: 0 });
  expect(await queue.getJobLogs(id)).toMatchObject({ count: 0 });
  for (const work of [() => job.updateData('changed'), () => tenancy.central(() => job.updateData('changed'))])
    await work();
  await tenancy.run('acme', async () => {
    await job.updateProgress(50);
    await job.log('of acme');
    await job.remove();
  });
  expect(await queue.getJob(id)).toBeUndefined();
});
