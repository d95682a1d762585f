import { createTenancy, isTenancyError, memoryStore } from '@omnitenant/core';
import { currentScope, defineResource, handleOf } from '@omnitenant/core/extend';
import { testRedis } from '@omnitenant/tooling';
import { Queue as BullQueue, type Job } from 'bullmq';
import { expect, test } from 'vitest';
import { openSite } from './fixtures/site.ts';

function here() {
  const scope = currentScope();
  return scope?.kind === 'tenant' ? scope.tenant.id : scope?.kind;
}

test('handlers of a job’s events run in its tenant, wherever the worker was made', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  const seen: string[] = [];
  const work = await site.tenancy.run('acme', () => {
    const made = site.work(queue, async (job) => {
      await job.updateProgress(1);
      if (job.name === 'fails') throw new Error('It fails.');
    });
    const see = (event: string, job?: Job) => void seen.push(`${event} ${job?.name} ${here()}`);
    for (const event of ['active', 'progress', 'completed', 'failed'] as const) {
      made.worker.on(event, (job: Job | undefined) => see(event, job));
    }
    made.worker.once('active', () => void seen.push(`once ${here()}`));
    return made;
  });
  await site.tenancy.run('beta', () => queue.add('works', {}));
  await work.settled(1);
  await site.tenancy.run('acme', () => queue.add('fails', {}));
  await work.settled(2);
  await site.tenancy.central(() => queue.add('works', {}));
  await work.settled(3);
  await work.worker.close();
  const works = (scope: string) => ['active', 'progress', 'completed'].map((event) => `${event} works ${scope}`);
  const fails = ['active', 'progress', 'failed'].map((event) => `${event} fails acme`);
  expect(seen.sort()).toEqual(['once beta', ...works('beta'), ...fails, ...works('central')].sort());
});

test('the scope lasts until the handlers have settled, and what they throw is an error of the worker', async () => {
  const opened: string[] = [];
  const resource = defineResource<string>({
    name: 'note',
    open: (scope) => (scope.kind === 'tenant' ? scope.tenant.id : 'central'),
    close: async (handle) => void opened.push(`closed ${handle}`),
  });
  await using site = await openSite(await testRedis());
  await using tenancy = createTenancy({ store: memoryStore(), resources: [resource] });
  await tenancy.tenants.create({ id: 'acme' });
  const queue = site.queue();
  const work = site.work(queue, async () => {}, { tenancy });
  const { promise: reported, resolve } = Promise.withResolvers<Error>();
  work.worker.on('error', resolve);
  work.worker.on('completed', async () => {
    await new Promise((done) => setTimeout(done, 10));
    opened.push(`used ${handleOf(resource)}`);
    throw new Error('The handler fails.');
  });
  await tenancy.run('acme', () => queue.add('job', {}));
  expect((await reported).message).toBe('The handler fails.');
  await work.worker.close();
  expect(opened).toEqual(['used acme', 'closed acme']);
});

test('handlers run outside all scopes where the tenant cannot be entered', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  await site.tenancy.run('acme', () => queue.add('job', {}));
  await site.tenancy.tenants.remove('acme');
  const work = site.work(queue, async () => {}, { holdForMs: 1 });
  const { promise, resolve } = Promise.withResolvers<unknown>();
  work.worker.on('failed', (_, error) => resolve([here(), isTenancyError(error, 'TENANT_UNKNOWN')]));
  expect(await promise).toEqual([undefined, true]);
});

test('jobs and schedules from before are done in the tenant that the application finds', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  const { connection, prefix, tenancy } = site;
  const before = site.closing(new BullQueue(queue.name, { connection, prefix }));
  await before.add('mail', { tenantId: 'acme' });
  await before.add('later', { tenantId: 'beta' }, { delay: 10 });
  await before.add('nobody’s', {});
  await before.upsertJobScheduler('nightly', { every: 20, limit: 2 }, { data: { tenantId: 'acme' } });
  const seen: string[] = [];
  const work = site.work(queue as never, async (job) => void seen.push(`${job.name} ${here()}`), {
    tenantOf: ({ data }) => data.tenantId,
  });
  work.worker.on('completed', (job) => void seen.push(`completed ${job.name} ${here()}`));
  await tenancy.run('beta', () => queue.add('own', { tenantId: 'acme' }));
  const settled = await work.settled(6);
  await work.worker.close();
  const done = ['mail acme', 'later beta', 'nightly acme', 'nightly acme', 'own beta'];
  expect(seen.sort()).toEqual([...done, ...done.map((line) => `completed ${line}`)].sort());
  const failed = settled.filter(({ error }) => error !== undefined);
  expect(failed.map(({ error }) => isTenancyError(error, 'JOB_WITHOUT_TENANT'))).toEqual([true]);
});
