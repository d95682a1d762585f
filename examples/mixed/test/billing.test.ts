import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expectNoLeak } from '@omnitenant/orm/testing';
import { QueueEvents, type Worker } from '@omnitenant/queue';
import { plainDatabase, type TestDatabase, type TestRedis, testRedis } from '@omnitenant/tooling';
import type { Hono } from 'hono';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, test } from 'vitest';
import { createApp } from '../src/app.ts';
import { type Billing, openBilling } from '../src/billing.ts';
import { type Job, scheduleStatements, startWorker } from '../src/jobs.ts';
import { addTenants, isolations } from '../src/tenants.ts';

const tenants = Object.keys(isolations);
let database: TestDatabase;
let redis: TestRedis;
let folder: string;
let billing: Billing;
let worker: Worker<Job>;
let events: QueueEvents;
let app: Hono;

beforeAll(async () => {
  [database, redis] = await Promise.all([plainDatabase(), testRedis()]);
  folder = await mkdtemp(join(tmpdir(), 'documents-'));
  const { url: databaseUrl } = database;
  billing = await openBilling({ databaseUrl, redisUrl: redis.url, documents: folder, prefix: redis.prefix });
  await addTenants(billing);
  worker = startWorker(billing);
  events = new QueueEvents(billing.queue.name, billing.redis);
  await events.waitUntilReady();
  app = createApp(billing);
});

afterAll(async () => {
  await worker.close();
  await events.close();
  for (const id of tenants) await billing.tenancy.tenants.remove(id);
  await billing.tenancy.close();
  assert.deepEqual(await readdir(folder), []);
  await rm(folder, { recursive: true });
  await redis.drop();
  await database.drop();
});

test('each tenant is kept in another way', async () => {
  const placed = [];
  for await (const { id, isolation, placement } of billing.tenancy.tenants.all()) {
    placed.push([id, isolation, placement.database === database.name, placement.schema]);
  }
  assert.deepEqual(placed, [
    ['large', 'database', false, 'public'],
    ['medium', 'schema', true, 't_medium'],
    ['small', 'row', true, 'rows'],
  ]);
});

test('an invoice of each, under one number, is sent by its own tenant', async () => {
  await Promise.all(
    tenants.map(async (id) => {
      assert.equal((await post(id, { number: '1', customer: `Ada of ${id}`, amount: 4200 })).status, 202);
      await done(id, 'send 1');
    }),
  );
  for (const id of tenants) {
    const customer = `Ada of ${id}`;
    assert.deepEqual(await read(id, '/invoices'), [{ number: '1', customer, amount: 4200, sent: true }]);
    assert.deepEqual(await read(id, '/customers'), [{ customer, amount: 4200 }]);
    assert.deepEqual(await read(id, '/documents'), ['invoice 1']);
    const document = await app.request(`http://billing.${id}.test/documents/invoice%201`);
    assert.equal(await document.text(), `The ${id} company asks Ada of ${id} for 42.`);
  }
});

test('what is cached for a tenant follows its own invoices', async () => {
  await read('small', '/customers');
  await post('small', { number: '2', customer: 'Ada of small', amount: 800 });
  assert.deepEqual(await read('small', '/customers'), [{ customer: 'Ada of small', amount: 5000 }]);
  assert.deepEqual(await read('medium', '/customers'), [{ customer: 'Ada of medium', amount: 4200 }]);
  await done('small', 'send 2');
});

test('what makes no sense, or is there already, is told', async () => {
  assert.equal((await post('small', { number: '1', customer: 'Ada', amount: 1 })).status, 409);
  assert.equal((await post('small', { number: 3 })).status, 400);
  assert.equal((await app.request('http://small.localhost/documents/..%2f..%2fsecret')).status, 404);
  assert.equal((await app.request('http://nobody.localhost/invoices')).status, 404);
});

test('one schedule has a statement written for each tenant', async () => {
  const left = new Set(tenants);
  const written = new Promise<void>((resolve) => {
    worker.on('completed', ({ data, opts }) => {
      const [tenant = ''] = String(Reflect.get(opts, 'tenant')).split('@');
      if (data.kind === 'statement' && left.delete(tenant) && left.size === 0) resolve();
    });
  });
  await scheduleStatements(billing, { every: 3_600_000, limit: 1 });
  await written;
  for (const id of tenants) {
    const statement = await (await app.request(`http://${id}.localhost/documents/statement`)).text();
    assert.match(statement, new RegExp(`^The ${id} company\n1 Ada of ${id} 42`));
  }
});

test('nobody saw what is another’s: not in answers, rows, cache, jobs or documents', async () => {
  const { tenancy, orm, queue, documents } = billing;
  const client = new Redis(redis.url);
  try {
    await expectNoLeak({
      ...{ tenancy, orm, tenants, app },
      seed: async (canary, tenant) => {
        const number = canary('number');
        await post(tenant, { number, customer: canary('customer'), amount: 1 });
        await done(tenant, `send ${number}`);
      },
      requests: {
        'list customers': (tenant) => new Request(`http://${tenant}.localhost/customers`),
        'list invoices': (tenant) => new Request(`http://billing.${tenant}.test/invoices`),
        'list documents': (tenant) => new Request(`http://${tenant}.localhost/documents`),
        'add an invoice': (tenant, canary) =>
          request(tenant, { number: canary('number'), customer: canary('customer'), amount: 1 }),
      },
      functions: {
        'have a statement written': async () => {
          const job = await queue.add('statement', { kind: 'statement' });
          await job.waitUntilFinished(events);
          return tenancy.use(documents).get('statement');
        },
      },
      sinks: {
        cache: async () => {
          const keys = await client.keys(`${redis.prefix}cache:*`);
          return Promise.all(keys.map(async (key) => [key, await client.hgetall(key)]));
        },
        jobs: async () => (await queue.getJobs()).map(({ data, opts }) => ({ data, opts })),
        documents: async () => {
          const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.txt'));
          return Promise.all(files.map(async (name) => [name, await readFile(join(folder, name), 'utf8')]));
        },
      },
    });
  } finally {
    await client.quit();
  }
});

test('start serves until it is told to stop', async () => {
  const main = new URL('../src/main.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--conditions=@omnitenant/source', main], {
    env: {
      ...process.env,
      ...{ NODE_OPTIONS: '', DATABASE_URL: database.url, DOCUMENTS: folder, PORT: '0' },
      ...{ REDIS_URL: redis.url, REDIS_PREFIX: redis.prefix },
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit');
  try {
    const { value: line = '' } = await createInterface(child.stdout)[Symbol.asyncIterator]().next();
    assert.match(line, /^Billing is on http:/);
  } finally {
    child.kill('SIGTERM');
  }
  assert.deepEqual(await exit, [0, null]);
});

/** Waits for the tenant's job. */
async function done(tenant: string, id: string): Promise<void> {
  const job = await billing.tenancy.run(tenant, () => billing.queue.getJob(id));
  assert.ok(job, `${tenant} has no job "${id}"`);
  await job.waitUntilFinished(events);
}

const request = (tenant: string, invoice: object): Request =>
  new Request(`http://${tenant}.localhost/invoices`, { method: 'POST', body: JSON.stringify(invoice) });

const post = async (tenant: string, invoice: object): Promise<Response> => app.fetch(request(tenant, invoice));

const read = async (tenant: string, path: string): Promise<unknown> =>
  (await app.request(`http://${tenant}.localhost${path}`)).json();
