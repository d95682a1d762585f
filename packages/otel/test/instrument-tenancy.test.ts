import { tracingChannel } from 'node:diagnostics_channel';
import { propagation, SpanStatusCode, trace } from '@opentelemetry/api';
import { expect, onTestFinished, test, vi } from 'vitest';
import { instrumentTenancy } from '../src/index.ts';
import { openShop } from './fixtures/shop.ts';
import { startTelemetry } from './fixtures/telemetry.ts';

/** Runs `work` in a span, as an instrumentation of HTTP does for a request. */
function inSpan<R>(name: string, work: () => Promise<R>): Promise<R> {
  return trace.getTracer('test').startActiveSpan(name, async (span) => {
    try {
      return await work();
    } finally {
      span.end();
    }
  });
}

test('the counters of the tenancy, the orm, the cache and the queue are metrics, and none names a tenant', async () => {
  await using telemetry = startTelemetry();
  await using shop = await openShop({ connections: { max: 7 } });
  const { tenancy, orm, cache, emails } = shop;
  onTestFinished(instrumentTenancy(tenancy, { orm, cache, queues: [emails] }));
  await tenancy.run('acme', async () => {
    await orm.em.execute('select 1');
    await cache.getOrSet('a', () => 1);
    await cache.getOrSet('a', () => 1);
    await emails.add('welcome', {});
  });
  const pool = { 'db.system.name': 'postgresql', 'db.client.connection.pool.name': 'default' };
  expect(await telemetry.points('db.client.connection.max')).toEqual([{ attributes: pool, value: 7 }]);
  const { open, idle, inUse } = orm.stats().servers['default'] ?? {};
  expect(open).toBeGreaterThan(0);
  expect(await telemetry.points('db.client.connection.count')).toEqual([
    { attributes: { ...pool, 'db.client.connection.state': 'used' }, value: inUse },
    { attributes: { ...pool, 'db.client.connection.state': 'idle' }, value: idle },
  ]);
  const { scopes } = tenancy.stats();
  expect(await telemetry.points('omnitenant.scopes.entered')).toEqual([{ attributes: {}, value: scopes.entered }]);
  expect(await telemetry.points('omnitenant.cache.reads')).toEqual([
    { attributes: { 'omnitenant.cache.result': 'hit' }, value: 1 },
    { attributes: { 'omnitenant.cache.result': 'miss' }, value: 1 },
  ]);
  const waiting = {
    'messaging.system': 'bullmq',
    'messaging.destination.name': 'emails',
    'omnitenant.job.state': 'waiting',
  };
  expect(await telemetry.points('omnitenant.queue.jobs')).toContainEqual({ attributes: waiting, value: 1 });
  const [statements] = await telemetry.points('omnitenant.db.client.statements');
  expect(statements?.value).toBe(orm.stats().servers['default']?.statements);
  for (const name of await telemetry.names()) {
    expect(JSON.stringify(await telemetry.points(name)), name).not.toMatch(/acme|beta/);
  }
});

test('metrics can be collected in a tenant’s scope', async () => {
  await using telemetry = startTelemetry();
  await using shop = await openShop();
  onTestFinished(instrumentTenancy(shop.tenancy, { queues: [shop.emails] }));
  const points = await shop.tenancy.run('acme', () => telemetry.points('omnitenant.queue.jobs'));
  expect(points.length).toBeGreaterThan(0);
});

test('durations name the tenants that the application names, and no other', async () => {
  await using telemetry = startTelemetry();
  await using shop = await openShop();
  const { tenancy } = shop;
  onTestFinished(instrumentTenancy(tenancy, { tenantsInMetrics: ['acme'] }));
  for (const id of ['acme', 'beta']) await tenancy.run(id, () => {});
  const failing = tenancy.run('acme', () => Promise.reject(new TypeError('Failed.')));
  await expect(failing).rejects.toThrow('Failed.');
  const kind = { 'omnitenant.scope.kind': 'tenant' };
  const points = await telemetry.points('omnitenant.scope.duration');
  const counted = points.map(({ attributes, value }) => [attributes, (value as { count: number }).count]);
  expect(counted).toContainEqual([{ ...kind, 'tenant.id': 'acme' }, 1]);
  expect(counted).toContainEqual([{ ...kind, 'tenant.id': 'acme', 'error.type': 'TypeError' }, 1]);
  expect(counted).toContainEqual([kind, 1]);
  expect(JSON.stringify(counted)).not.toContain('beta');
});

test('the span of a request names its tenant, and so do the spans within it; others at the same time have their own', async () => {
  await using telemetry = startTelemetry();
  await using shop = await openShop();
  const { tenancy } = shop;
  onTestFinished(instrumentTenancy(tenancy));
  const requests = Array.from({ length: 20 }, (_, n) => (n % 2 ? 'acme' : 'beta'));
  await Promise.all(
    requests.map((id) =>
      inSpan(`GET /${id}`, () =>
        tenancy.run(id, async () => {
          await new Promise(setImmediate);
          await inSpan(`select of ${id}`, async () => {});
        }),
      ),
    ),
  );
  await inSpan('GET /', () => tenancy.central(() => inSpan('select of central', async () => {})));
  for (const id of ['acme', 'beta']) {
    for (const name of [`GET /${id}`, `select of ${id}`]) {
      const tenants = telemetry.spans(name).map(({ attributes }) => attributes['tenant.id']);
      expect(tenants).toEqual(Array.from({ length: 10 }, () => id));
    }
  }
  for (const name of ['GET /', 'select of central']) {
    expect(telemetry.spans(name).map(({ attributes }) => attributes['tenant.id'])).toEqual([undefined]);
  }
});

test('a span in which several tenants are visited claims no tenant’s work for another', async () => {
  await using telemetry = startTelemetry();
  await using shop = await openShop();
  onTestFinished(instrumentTenancy(shop.tenancy));
  await inSpan('report', async () => {
    for await (const _ of shop.tenancy.each(() => {}, { concurrency: 1 }));
  });
  const [report] = telemetry.spans('report');
  const first = report?.attributes['tenant.id'];
  const others = report?.events.map(({ name, attributes }) => [name, attributes?.['tenant.id']]);
  expect(['acme', 'beta']).toContain(first);
  expect(others).toEqual([['tenant entered', first === 'acme' ? 'beta' : 'acme']]);
});

test('the tenant is in the baggage where that is asked for, and ends with its scope', async () => {
  await using _telemetry = startTelemetry();
  await using shop = await openShop();
  const { tenancy } = shop;
  const inBaggage = () => propagation.getActiveBaggage()?.getEntry('tenant.id')?.value;
  const stop = instrumentTenancy(tenancy);
  expect(await tenancy.run('acme', inBaggage)).toBeUndefined();
  stop();
  onTestFinished(instrumentTenancy(tenancy, { baggage: true }));
  const seen = await tenancy.run('acme', async () => {
    const inside = [inBaggage(), await tenancy.run('beta', inBaggage), await tenancy.central(inBaggage)];
    return [...inside, inBaggage()];
  });
  expect(seen).toEqual(['acme', 'beta', undefined, 'acme']);
  expect(inBaggage()).toBeUndefined();
  const both = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      tenancy.run(n % 2 ? 'acme' : 'beta', async ({ id }) => {
        await new Promise(setImmediate);
        return inBaggage() === id;
      }),
    ),
  );
  expect(both).not.toContain(false);
});

test('creating a tenant is a trace: the verb, its steps, and the migrations in them', async () => {
  await using telemetry = startTelemetry();
  await using shop = await openShop();
  const { tenancy, orm } = shop;
  onTestFinished(instrumentTenancy(tenancy, { orm }));
  await tenancy.tenants.create({ id: 'globex' });
  const [verb] = telemetry.spans('create tenant');
  expect(verb?.attributes).toEqual({ 'omnitenant.verb': 'create', 'tenant.id': 'globex' });
  const steps = telemetry
    .spans()
    .filter(({ parentSpanContext }) => parentSpanContext?.spanId === verb?.spanContext().spanId);
  expect(steps.map(({ name }) => name)).toEqual(['orm.create', 'cache.create', 'orm.migrate', 'activate']);
  for (const { attributes } of steps) expect(attributes['tenant.id']).toBe('globex');
});

test('a verb that fails is a failed span, and shows no credential', async () => {
  await using telemetry = startTelemetry();
  await using shop = await openShop({
    seed: async (_, { id }) => {
      if (id === 'bad') throw new Error('postgres://app:confidential@db is gone');
    },
  });
  onTestFinished(instrumentTenancy(shop.tenancy));
  await expect(shop.tenancy.tenants.create({ id: 'bad' })).rejects.toMatchObject({ code: 'PROVISION_FAILED' });
  const failed = telemetry.spans().filter(({ status }) => status.code === SpanStatusCode.ERROR);
  expect(failed.map(({ name, attributes }) => [name, attributes['error.type']])).toEqual([
    ['orm.migrate', 'Error'],
    ['create tenant', 'PROVISION_FAILED'],
  ]);
  expect(JSON.stringify(telemetry.spans().map(({ attributes, status }) => [attributes, status]))).not.toContain(
    'confidential',
  );
});

test('a request that waits is a span of its own trace, and not of the one that it waits for', async () => {
  await using telemetry = startTelemetry();
  await using shop = await openShop({ connections: { max: 10, maxPerTenant: 1 } });
  const { tenancy, orm } = shop;
  onTestFinished(instrumentTenancy(tenancy, { orm }));
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  const { promise: taken, resolve: take } = Promise.withResolvers<void>();
  const holding = inSpan('first', () =>
    tenancy.run('acme', () =>
      orm.em.transactional(async (em) => {
        await em.execute('select 1');
        take();
        await opened;
      }),
    ),
  );
  // A connection in use could be the change feed's.
  await taken;
  const waiting = inSpan('second', () => tenancy.run('acme', () => orm.em.execute('select 1')));
  await vi.waitFor(() => expect(orm.stats().servers['default']?.heldBack).toBe(1), { timeout: 60_000 });
  open();
  await Promise.all([holding, waiting]);
  const [second] = telemetry.spans('second');
  const waits = telemetry.spans('wait for share');
  expect(waits.map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual([second?.spanContext().spanId]);
  const pool = { 'db.system.name': 'postgresql', 'db.client.connection.pool.name': 'default' };
  expect(waits.map(({ attributes }) => attributes)).toEqual([
    { ...pool, 'db.namespace': shop.database.name, 'tenant.id': 'acme' },
  ]);
  const points = await telemetry.points('db.client.connection.wait_time');
  expect(points.map(({ attributes }) => attributes)).toContainEqual({ ...pool, 'omnitenant.wait.for': 'share' });
});

test('a job is a span that names its tenant; a job that is put back has not failed', async () => {
  await using telemetry = startTelemetry();
  await using shop = await openShop();
  const { tenancy, emails } = shop;
  onTestFinished(instrumentTenancy(tenancy));
  const worker = shop.work(async ({ name }) => {
    if (name === 'bad') throw new RangeError('Failed.');
    await inSpan('send', async () => {});
  });
  await tenancy.run('acme', () => emails.add('good', {}));
  await tenancy.run('beta', () => emails.add('bad', {}));
  await tenancy.tenants.suspend('beta');
  await tenancy.run('beta', () => emails.add('held', {}), { allowClosed: true });
  await vi.waitFor(() => expect(telemetry.spans('process emails').length).toBeGreaterThanOrEqual(3), {
    timeout: 60_000,
  });
  await worker.close();
  const told = telemetry
    .spans('process emails')
    .map(({ attributes, status }) => [attributes['tenant.id'], attributes['error.type'], status.code]);
  expect(told).toContainEqual(['acme', undefined, 0]);
  expect(told.filter(([tenant]) => tenant === 'beta').length).toBeGreaterThan(0);
  const [sent] = telemetry.spans('send');
  const [done] = telemetry.spans('process emails').filter(({ attributes }) => attributes['tenant.id'] === 'acme');
  expect(sent?.parentSpanContext?.spanId).toBe(done?.spanContext().spanId);
});

test('two tenancies in a process make one span of each piece of work', async () => {
  await using telemetry = startTelemetry();
  await using shop = await openShop();
  for (const _ of [1, 2]) onTestFinished(instrumentTenancy(shop.tenancy));
  await shop.tenancy.tenants.create({ id: 'globex' });
  expect(telemetry.spans('create tenant')).toHaveLength(1);
});

test('nothing is listened to once it is stopped', async () => {
  await using telemetry = startTelemetry();
  await using shop = await openShop();
  const stop = instrumentTenancy(shop.tenancy, { orm: shop.orm, cache: shop.cache, queues: [shop.emails] });
  stop();
  expect(tracingChannel('omnitenant:scope').hasSubscribers).toBe(false);
  expect(await telemetry.names()).toEqual([]);
});

test('an option that there is not is refused', async () => {
  await using shop = await openShop();
  expect(() => instrumentTenancy(shop.tenancy, { tenants: ['acme'] } as never)).toThrow('has no option "tenants"');
});
