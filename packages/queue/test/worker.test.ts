import { isTenancyError } from '@omnitenant/core';
import { currentScope } from '@omnitenant/core/extend';
import { testRedis } from '@omnitenant/tooling';
import { Queue as BullQueue } from 'bullmq';
import { expect, test } from 'vitest';
import { openSite } from './fixtures/site.ts';

/** The tenant that the code here runs in. */
function here() {
  const scope = currentScope();
  return scope?.kind === 'tenant' ? scope.tenant.id : scope?.kind;
}

test('a job is done in the tenant that added it, and its data is what was added', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue<{ to: string; tenant?: string }>();
  const seen: unknown[] = [];
  const work = site.work(queue, async (job) => void seen.push([here(), job.name, job.data]));
  await site.tenancy.run('acme', () => queue.add('welcome', { to: 'ada', tenant: 'my own field' }));
  await site.tenancy.run('beta', () => queue.addBulk([{ name: 'bulk', data: { to: 'bob' } }]));
  await site.tenancy.central(() => queue.add('clean', { to: 'nobody' }));
  await work.settled(3);
  expect(seen).toEqual([
    ['acme', 'welcome', { to: 'ada', tenant: 'my own field' }],
    ['beta', 'bulk', { to: 'bob' }],
    ['central', 'clean', { to: 'nobody' }],
  ]);
});

test('a worker that is made in the scope of one tenant does not keep it', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  const seen: unknown[] = [];
  const plain = new BullQueue(queue.name, { connection: site.connection, prefix: site.prefix });
  const work = await site.tenancy.run('acme', () => {
    const made = site.work(queue, async () => void seen.push(here()));
    for (const event of ['ready', 'active', 'completed', 'failed', 'drained'] as const) {
      made.worker.on(event, () => void seen.push(`${event}: ${here()}`));
    }
    return made;
  });
  await work.worker.waitUntilReady();
  await site.tenancy.run('beta', () => queue.add('job', {}));
  await work.settled(1);
  await plain.add('of nobody', {});
  const [, { error } = {}] = await work.settled(2);
  await plain.close();
  expect(isTenancyError(error, 'JOB_WITHOUT_TENANT')).toBe(true);
  await work.worker.close();
  expect(seen.filter((entry) => entry === 'beta')).toHaveLength(1);
  const handlers = seen.filter((entry) => String(entry).endsWith(': beta'));
  expect(handlers.sort()).toEqual(['active: beta', 'completed: beta']);
  expect(seen.filter((entry) => !/(?:^|: )(?:beta|undefined)$/.test(String(entry)))).toEqual([]);
});

test('a worker that is started, and goes on after a pause, in the scope of one tenant does not keep it', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  const seen: unknown[] = [];
  const work = site.work(queue, async () => void seen.push(here()), { autorun: false });
  for (const event of ['active', 'completed', 'drained'] as const) {
    work.worker.on(event, () => void seen.push(`${event}: ${here()}`));
  }
  const { worker } = work;
  for (const [done, start] of [() => worker.run(), () => worker.resume()].entries()) {
    await site.tenancy.run('acme', () => void start());
    await site.tenancy.run('beta', () => queue.add('job', {}));
    await work.settled(done + 1);
    await worker.pause();
  }
  expect(seen.filter((entry) => entry === 'beta')).toHaveLength(2);
  expect(seen.filter((entry) => !/(?:^|: )(?:beta|undefined)$/.test(String(entry)))).toEqual([]);
});

test('a job that is added in one tenant and done after the code went on to another stays with the first', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  const seen: unknown[] = [];
  await site.tenancy.run('acme', async () => {
    const adding = queue.add('job', {});
    await site.tenancy.run('beta', () => adding);
  });
  const work = site.work(queue, async () => void seen.push(here()));
  await work.settled(1);
  expect(seen).toEqual(['acme']);
});

test('retries, delays and priorities keep the tenant', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue<number>();
  const seen: unknown[] = [];
  const { tenancy } = site;
  await tenancy.run('acme', () => queue.add('retried', 1, { attempts: 3 }));
  await tenancy.run('beta', () => queue.add('backs off', 2, { attempts: 2, backoff: { type: 'fixed', delay: 10 } }));
  await tenancy.run('acme', () => queue.add('delayed', 3, { delay: 20 }));
  await tenancy.run('beta', () => queue.add('prioritized', 4, { priority: 7 }));
  const work = site.work(queue, async (job) => {
    seen.push(`${here()} ${job.name} ${job.attemptsMade}`);
    if (job.attemptsMade + 1 < (job.opts.attempts ?? 1)) throw new Error('Not yet.');
  });
  await work.settled(7);
  expect(seen.sort()).toEqual([
    'acme delayed 0',
    'acme retried 0',
    'acme retried 1',
    'acme retried 2',
    'beta backs off 0',
    'beta backs off 1',
    'beta prioritized 0',
  ]);
});

test('a job that stalled is done again in its tenant', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  const seen: unknown[] = [];
  await site.tenancy.run('acme', () => queue.add('job', {}));
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  // A worker that lets its lock expire, as one does whose process is gone.
  const gone = site.work(
    queue,
    () => {
      begin();
      return over;
    },
    {
      lockDuration: 50,
      skipLockRenewal: true,
      skipStalledCheck: true,
    },
  );
  await begun;
  const work = site.work(queue, async (job) => void seen.push(`${here()} ${job.stalledCounter}`), {
    stalledInterval: 30,
  });
  await work.settled(1);
  end();
  await gone.worker.close(true);
  expect(seen).toEqual(['acme 1']);
});

test('each occurrence of a schedule is the tenant’s that made it', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue<string>();
  const seen: unknown[] = [];
  for (const id of ['acme', 'beta']) {
    await site.tenancy.run(id, () => queue.upsertJobScheduler('report', { every: 25, limit: 3 }, { data: `of ${id}` }));
  }
  const work = site.work(queue, async (job) => void seen.push(`${here()}: ${job.name} ${job.data}`));
  await work.settled(6);
  expect(seen.sort()).toEqual([...Array(3).fill('acme: report of acme'), ...Array(3).fill('beta: report of beta')]);
});

test('what a processor changes of its tenant, the next job sees', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue<string>();
  const seen: unknown[] = [];
  const work = site.work(queue, async (job) => {
    const tenant = site.tenancy.current();
    seen.push(tenant.name);
    await site.tenancy.outside(() => site.tenancy.tenants.update(tenant.id, { name: job.data }));
  });
  await site.tenancy.run('acme', () => queue.add('rename', 'Acme Ltd'));
  await work.settled(1);
  await site.tenancy.run('acme', () => queue.add('rename', 'Acme Inc'));
  await work.settled(2);
  expect(seen).toEqual(['acme', 'Acme Ltd']);
});

test.each([false, true])(
  'a sandboxed processor runs in the tenant of the job (threads: %s)',
  async (useWorkerThreads) => {
    await using site = await openSite(await testRedis());
    const queue = site.queue();
    const tenants = await Promise.all(['acme', 'beta'].map((id) => site.tenancy.tenants.get(id)));
    const options = {
      execArgv: ['--conditions=@omnitenant/source'],
      env: { ...process.env, TENANTS: JSON.stringify(tenants) },
    };
    const file = new URL('./fixtures/sandboxed.ts', import.meta.url);
    const work = site.work(queue, file, {
      useWorkerThreads,
      workerForkOptions: options,
      workerThreadsOptions: options,
    });
    for (const { id } of tenants) await site.tenancy.run(id, () => queue.add('job', {}));
    const settled = await work.settled(2);
    expect(settled.map(({ job, error }) => error ?? job.returnvalue)).toEqual(['acme', 'beta']);
  },
);
