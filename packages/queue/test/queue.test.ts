import type { Socket } from 'node:net';
import { isTenancyError } from '@omnitenant/core';
import { testRedis } from '@omnitenant/tooling';
import { expect, test } from 'vitest';
import { QueueEvents } from '../src/index.ts';
import { openSite } from './fixtures/site.ts';

function refused(code: 'OUTSIDE_SCOPE' | 'CROSS_TENANT') {
  return expect.toSatisfy((error) => isTenancyError(error, code));
}

test('outside a scope nothing is added', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  await expect(queue.add('job', {})).rejects.toEqual(refused('OUTSIDE_SCOPE'));
  await expect(queue.addBulk([{ name: 'job', data: {} }])).rejects.toEqual(refused('OUTSIDE_SCOPE'));
  await expect(queue.upsertJobScheduler('nightly', { every: 1000 })).rejects.toEqual(refused('OUTSIDE_SCOPE'));
  expect(await queue.count()).toBe(0);
});

test('a job that is added comes back with its data as it was, and its options', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue<object>();
  await site.tenancy.run('acme', async () => {
    const { id = '' } = await queue.add('job', { tenant: 'beta', opts: [1] }, { attempts: 4 });
    const job = await queue.getJob(id);
    expect(job?.data).toEqual({ tenant: 'beta', opts: [1] });
    expect(job?.opts).toMatchObject({ attempts: 4 });
  });
});

test('tenants may choose the same ids: of jobs, of deduplication, of schedules', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue<string>();
  for (const id of ['acme', 'beta']) {
    await site.tenancy.run(id, async () => {
      await queue.add('invoice', `of ${id}`, { jobId: '7' });
      await queue.add('invoice', 'again', { jobId: '7' });
      await queue.add('unique', `of ${id}`, { deduplication: { id: 'one' } });
      await queue.add('unique', 'again', { deduplication: { id: 'one' } });
      await queue.upsertJobScheduler('nightly', { pattern: '0 3 * * *' }, { data: `of ${id}` });
    });
  }
  for (const id of ['acme', 'beta']) {
    await site.tenancy.run(id, async () => {
      expect((await queue.getJob('7'))?.data).toBe(`of ${id}`);
      const unique = await queue.getDeduplicationJobId('one');
      expect((await queue.getJob(unique ?? ''))?.data).toBe(`of ${id}`);
      expect((await queue.getJobScheduler('nightly'))?.template?.data).toBe(`of ${id}`);
      expect(await queue.getJobSchedulers()).toHaveLength(1);
    });
  }
  expect(await queue.getJobCounts('waiting', 'delayed')).toEqual({ waiting: 4, delayed: 2 });
  await site.tenancy.run('acme', async () => {
    await queue.removeDeduplicationKey('one');
    expect(await queue.getDeduplicationJobId('one')).toBeNull();
    await queue.removeJobScheduler('nightly');
  });
  expect(await site.tenancy.run('beta', () => queue.getDeduplicationJobId('one'))).not.toBeNull();
  expect(await queue.getJobSchedulersCount()).toBe(1);
});

test('a tenant sees and touches its own jobs only', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue<string>();
  const { id = '' } = await site.tenancy.run('acme', () => queue.add('secret', 'of acme'));
  await site.tenancy.run('acme', () => queue.addJobLog(id, 'a line'));
  await site.tenancy.run('beta', () => queue.add('job', 'of beta'));
  await site.tenancy.run('beta', async () => {
    expect(await queue.getJob(id)).toBeUndefined();
    expect((await queue.getJobs()).map(({ data }) => data)).toEqual(['of beta']);
    expect((await queue.getWaiting()).map(({ data }) => data)).toEqual(['of beta']);
    expect(await queue.getJobState(id)).toBe('unknown');
    expect((await queue.getJobLogs(id)).logs).toEqual([]);
    await queue.remove(id);
    await queue.updateJobProgress(id, 50).catch(() => {});
  });
  await site.tenancy.run('acme', async () => {
    expect(await queue.getJob(id)).toMatchObject({ data: 'of acme', progress: 0 });
    expect((await queue.getJobLogs(id)).logs).toEqual(['a line']);
  });
});

test('what concerns the jobs of all is not done from a tenant’s scope', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  await site.tenancy.run('acme', () => queue.add('job', {}));
  await site.tenancy.run('beta', async () => {
    for (const act of [
      () => queue.drain(),
      () => queue.getMetrics('completed'),
      () => queue.getWorkers(),
      () => queue.obliterate({ force: true }),
      () => queue.clean(0, 0),
      () => queue.getRanges(['waiting']),
    ]) {
      await expect(act()).rejects.toEqual(refused('CROSS_TENANT'));
    }
    const forAll = queue.upsertJobSchedulerForTenants('nightly', { every: 1000 });
    await expect(forAll).rejects.toEqual(refused('CROSS_TENANT'));
  });
  expect(await queue.isPaused()).toBe(false);
  expect(await queue.count()).toBe(1);
  await site.tenancy.central(() => queue.drain());
  expect(await queue.count()).toBe(0);
});

test('central and code outside all scopes see the jobs of all, as BullMQ shows them', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue<string>();
  const { id = '' } = await site.tenancy.run('acme', () => queue.add('job', 'of acme'));
  await site.tenancy.central(async () => {
    await queue.add('job', 'of central', { jobId: 'own' });
    expect((await queue.getJob('own'))?.data).toBe('of central');
    expect((await queue.getJob(id))?.data).toBe('of acme');
  });
  expect((await queue.getJobs()).map(({ data }) => data).sort()).toEqual(['of acme', 'of central']);
});

test('a parent that is another tenant’s is refused, under whatever id', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  const parent = await site.tenancy.run('acme', () => queue.add('parent', {}));
  const scheduled = await site.tenancy.run('acme', () => queue.upsertJobScheduler('s', { every: 60_000 }));
  for (const { id = '' } of [parent, scheduled]) {
    const opts = { parent: { id, queue: queue.qualifiedName } };
    await site.tenancy.run('beta', async () => {
      await expect(queue.add('child', {}, opts)).rejects.toEqual(refused('CROSS_TENANT'));
      await expect(queue.addBulk([{ name: 'child', data: {}, opts }])).rejects.toEqual(refused('CROSS_TENANT'));
    });
    await site.tenancy.run('acme', () => queue.add('child', {}, opts));
  }
});

test('to add jobs again sends no script again', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  const { stream } = (await queue.backend.client) as unknown as { readonly stream: Socket };
  async function sent(add: () => Promise<unknown>): Promise<number> {
    const before = stream.bytesWritten;
    await site.tenancy.run('acme', add);
    return stream.bytesWritten - before;
  }
  const one = () => queue.add('job', {});
  const two = () => queue.addBulk([1, 2].map(() => ({ name: 'job', data: {} })));
  expect(await sent(one)).toBeGreaterThan(4_000);
  expect(await sent(two)).toBeLessThan(3_000);
  expect(await sent(two)).toBeLessThan(3_000);
});

test('any number of callers may wait for jobs of one queue', async () => {
  await using site = await openSite(await testRedis());
  const { connection, prefix } = site;
  const queue = site.queue();
  const events = site.closing(new QueueEvents(queue.name, { connection, prefix }));
  const warnings: Error[] = [];
  const warned = (warning: Error) => warnings.push(warning);
  process.on('warning', warned);
  const jobs = await site.tenancy.run('acme', () =>
    queue.addBulk(Array.from({ length: 30 }, () => ({ name: 'job', data: {} }))),
  );
  const finished = Promise.all(jobs.map((job) => job.waitUntilFinished(events)));
  site.work(queue, async () => 'done');
  expect(new Set(await finished)).toEqual(new Set(['done']));
  process.off('warning', warned);
  expect(warnings.map(({ message }) => message)).toEqual([]);
});
