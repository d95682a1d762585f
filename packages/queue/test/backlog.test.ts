import { isTenancyError } from '@omnitenant/core';
import { testRedis } from '@omnitenant/tooling';
import { expect, test } from 'vitest';
import { FlowProducer, Queue } from '../src/index.ts';
import { openSite } from './fixtures/site.ts';

const full = expect.toSatisfy((error) => isTenancyError(error, 'BACKLOG_FULL') && error.status === 429);

test('a tenant has no more unfinished jobs than allowed, however many are added at once', async () => {
  await using site = await openSite(await testRedis());
  const { connection, prefix, tenancy } = site;
  const queue = site.closing(new Queue('jobs', { connection, prefix, maxBacklog: 5 }));
  await tenancy.run('acme', async () => {
    const adding = Array.from({ length: 20 }, (_, n) => queue.add('job', {}, n % 2 === 0 ? {} : { delay: 100_000 }));
    const added = await Promise.allSettled(adding);
    expect(added.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
    await expect(queue.add('job', {})).rejects.toEqual(full);
    await expect(queue.addBulk([{ name: 'job', data: {} }])).rejects.toEqual(full);
    expect(await queue.count()).toBe(5);
  });
  await tenancy.run('beta', () => queue.add('job', {}));
  await tenancy.central(() => queue.addBulk(Array.from({ length: 10 }, () => ({ name: 'job', data: {} }))));
});

test('jobs that are added together are added all, or none', async () => {
  await using site = await openSite(await testRedis());
  const { connection, prefix, tenancy } = site;
  const queue = site.closing(new Queue('jobs', { connection, prefix, maxBacklog: 5 }));
  const jobs = (count: number) => Array.from({ length: count }, () => ({ name: 'job', data: {} }));
  await tenancy.run('acme', async () => {
    await queue.addBulk(jobs(3));
    await expect(queue.addBulk(jobs(3))).rejects.toEqual(full);
    expect(await queue.count()).toBe(3);
    await queue.addBulk(jobs(2));
  });
});

test('there is room again for jobs that finished, were removed, or were drained', async () => {
  await using site = await openSite(await testRedis());
  const { connection, prefix, tenancy } = site;
  const limits: Record<string, number> = { acme: 2 };
  const queue = site.closing(new Queue('jobs', { connection, prefix, maxBacklog: ({ id }) => limits[id] }));
  const addTwo = () => tenancy.run('acme', () => queue.addBulk([1, 2].map(() => ({ name: 'job', data: {} }))));
  await addTwo();
  await expect(addTwo()).rejects.toEqual(full);
  const work = site.work(queue, async () => {});
  await work.settled(2);
  await work.worker.close();
  const [job] = await addTwo();
  await job?.remove();
  await tenancy.run('acme', () => queue.add('job', {}));
  await expect(addTwo()).rejects.toEqual(full);
  await tenancy.central(() => queue.drain());
  await addTwo();
  await tenancy.run('beta', () => queue.addBulk(Array.from({ length: 9 }, () => ({ name: 'job', data: {} }))));
});

test('a limit that comes later counts what was added before it, by others and in flows too', async () => {
  await using site = await openSite(await testRedis());
  const { connection, prefix, tenancy } = site;
  const before = site.queue('jobs');
  const flows = site.closing(new FlowProducer({ connection, prefix }));
  const queue = site.closing(new Queue('jobs', { connection, prefix, maxBacklog: 4 }));
  await tenancy.run('acme', async () => {
    await before.addBulk([{ name: 'job', data: {} }]);
    await queue.add('job', {});
    await before.add('job', {}, { delay: 100_000 });
    await flows.add({ name: 'parent', queueName: 'jobs', children: [{ name: 'child', queueName: 'jobs' }] });
    await expect(queue.add('job', {})).rejects.toEqual(full);
    expect(await queue.count()).toBe(5);
  });
});

test.each([false, true])('a finished job that is tried again counts as unfinished again, fair: %s', async (fair) => {
  await using site = await openSite(await testRedis());
  const { connection, prefix, tenancy } = site;
  const queue = site.closing(new Queue('jobs', { connection, prefix, maxBacklog: 2 }));
  const add = () => tenancy.run('acme', () => queue.add('job', {}));
  async function failBoth(): Promise<void> {
    const work = site.work(queue, () => Promise.reject(new Error('no')), { fair });
    await work.settled(2);
    await work.worker.close();
  }
  const jobs = [await add(), await add()];
  await expect(add()).rejects.toEqual(full);
  await failBoth();
  for (const job of jobs) await tenancy.run('acme', async () => (await queue.getJob(String(job.id)))?.retry());
  await expect(add()).rejects.toEqual(full);
  await failBoth();
  await tenancy.central(() => queue.retryJobs());
  await expect(add()).rejects.toEqual(full);
  const work = site.work(queue, async () => {}, { fair });
  await work.settled(2);
  await work.worker.close();
  await add();
});
