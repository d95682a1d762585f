import { createTenancy, isTenancyError, memoryStore } from '@omnitenant/core';
import { currentScope } from '@omnitenant/core/extend';
import { testDatabase } from '@omnitenant/tooling';
import { Queue as BullQueue, createPostgresBackend } from 'bullmq';
import { expect, test } from 'vitest';
import { queueResource, withBackend } from '../src/index.ts';
import { watch } from './fixtures/site.ts';

function here() {
  const scope = currentScope();
  return scope?.kind === 'tenant' ? scope.tenant.id : scope?.kind;
}

const { Queue, Worker, FlowProducer } = withBackend(createPostgresBackend);

test('on PostgreSQL a job carries its tenant too: at once, later, again, by schedule and in flows', async () => {
  await using database = await testDatabase();
  const connection = { connectionString: database.url, schema: 'bullmq', migrate: true };
  const queue = new Queue<string>('jobs', { connection });
  const tenancy = createTenancy({ store: memoryStore(), resources: [queueResource(queue)] });
  const flows = new FlowProducer({ connection });
  const seen: string[] = [];
  for (const id of ['acme', 'beta']) {
    await tenancy.tenants.create({ id });
    await tenancy.run(id, async () => {
      await queue.add('now', `of ${id}`, { jobId: 'same' });
      await queue.add('later', `of ${id}`, { delay: 10 });
      await queue.add('again', `of ${id}`, { attempts: 2 });
      await queue.upsertJobScheduler('nightly', { every: 60_000, limit: 1 }, { data: `of ${id}` });
      await flows.add({
        name: 'parent',
        queueName: 'jobs',
        data: `of ${id}`,
        children: [{ name: 'child', queueName: 'jobs', data: `of ${id}` }],
      });
    });
  }
  const worker = await tenancy.run('acme', () => {
    async function processor(job: { name: string; data: string; attemptsMade: number }) {
      seen.push(`${here()}: ${job.name} ${job.data}`);
      if (job.name === 'again' && job.attemptsMade === 0) throw new Error('Not yet.');
    }
    return new Worker<string>('jobs', processor, { connection, tenancy });
  });
  await watch(worker as never).settled(14);
  const names = ['again', 'again', 'child', 'later', 'nightly', 'now', 'parent'];
  expect(seen.sort()).toEqual(['acme', 'beta'].flatMap((id) => names.map((name) => `${id}: ${name} of ${id}`)));

  const foreign = await tenancy.run('acme', () => queue.add('secret', 'of acme', { delay: 100_000 }));
  await tenancy.run('beta', async () => {
    expect(await queue.getJob(foreign.id ?? '')).toBeUndefined();
    expect(new Set((await queue.getJobs()).map(({ data }) => data))).toEqual(new Set(['of beta']));
    expect(await queue.getJobCounts('delayed', 'completed')).toMatchObject({ delayed: 0 });
    expect((await queue.getJobs('completed', 0, 1, true)).map(({ data }) => data)).toEqual(['of beta', 'of beta']);
    for (const method of ['pause', 'resume'] as const) {
      await expect(queue[method]()).rejects.toSatisfy((error) => isTenancyError(error, 'CROSS_TENANT'));
    }
    const parent = { id: foreign.id ?? '', queue: queue.qualifiedName };
    await expect(queue.add('child', '', { parent })).rejects.toSatisfy((error) =>
      isTenancyError(error, 'CROSS_TENANT'),
    );
  });
  await worker.close();
  await tenancy.tenants.remove('acme');
  const left = (await queue.getJobs()).filter(({ name }) => name !== 'nightly');
  expect(new Set(left.map(({ data }) => data))).toEqual(new Set(['of beta']));
  await flows.close();
  await tenancy.close();
});

test('on PostgreSQL a job is held, is each tenant’s, and fails where it is nobody’s', async () => {
  await using database = await testDatabase();
  const connection = { connectionString: database.url, schema: 'bullmq', migrate: true };
  const queue = new Queue('jobs', { connection });
  const tenancy = createTenancy({ store: memoryStore(), resources: [queueResource(queue)] });
  for (const id of ['acme', 'beta']) {
    await tenancy.tenants.create({ id });
    await tenancy.run(id, () => queue.add('own', {}));
  }
  await tenancy.central(() => queue.upsertJobSchedulerForTenants('digest', { every: 60_000, limit: 1 }));
  const nobodys = new BullQueue('jobs', { connection }, createPostgresBackend);
  await nobodys.add('of nobody', {});
  await tenancy.tenants.suspend('acme');
  const seen: string[] = [];
  const processor = async ({ name }: { name: string }) => void seen.push(`${here()}: ${name}`);
  const worker = new Worker('jobs', processor, { connection, tenancy, holdForMs: 20 });
  const work = watch(worker as never);
  const failed = (await work.settled(4)).filter(({ error }) => error !== undefined);
  expect(failed.map(({ error }) => isTenancyError(error, 'JOB_WITHOUT_TENANT'))).toEqual([true]);
  expect(seen.sort()).toEqual(['beta: digest', 'beta: own']);
  await tenancy.tenants.resume('acme');
  await work.settled(5);
  expect(seen).toContain('acme: own');
  await worker.close();
  await nobodys.close();
  await tenancy.close();
});

test('tenants take turns, and have a limited backlog, on Redis only', () => {
  const tenancy = createTenancy({ store: memoryStore() });
  const connection = 'postgres://127.0.0.1:1/nowhere';
  const make = () => new Worker('jobs', async () => {}, { connection, tenancy, fair: true, autorun: false });
  expect(() => new Queue('jobs', { connection, maxBacklog: 1 })).toThrow('requires Redis');
  expect(make).toThrow(expect.toSatisfy((error) => isTenancyError(error, 'CONFIG_INVALID')));
});
