import { testRedis } from '@omnitenant/tooling';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { BullMQOtel } from 'bullmq-otel';
import { expect, test } from 'vitest';
import { FlowProducer, Queue } from '../src/index.ts';
import { openSite } from './fixtures/site.ts';

test('spans of what is added and done tell of the tenant', async () => {
  const exporter = new InMemorySpanExporter();
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  provider.register();
  await using site = await openSite(await testRedis());
  const { connection, prefix, tenancy } = site;
  const telemetry = new BullMQOtel();
  const queue = site.closing(new Queue('jobs', { connection, prefix, telemetry }));
  const flows = site.closing(new FlowProducer({ connection, prefix, telemetry }));
  const work = site.work(
    queue,
    async ({ name }) => {
      if (name === 'bad') throw new Error('Bad.');
    },
    { telemetry },
  );
  await tenancy.run('acme', () => queue.add('good', {}));
  await tenancy.run('beta', () => queue.addBulk([{ name: 'bad', data: {} }]));
  await tenancy.run('beta', () => flows.add({ name: 'flow', queueName: 'jobs' }));
  await tenancy.central(() => queue.add('central', {}));
  await work.settled(4);
  await work.worker.close();
  const told = exporter
    .getFinishedSpans()
    .filter(({ name }) => /^(?:add|process)/.test(name))
    .map(({ name, attributes }) => [name, attributes['bullmq.job.name'], attributes['tenant.id']]);
  const processed = told.filter(([name]) => name === 'process jobs').map(([, ...rest]) => rest);
  expect(processed.toSorted()).toEqual([
    ['bad', 'beta'],
    ['central', undefined],
    ['flow', 'beta'],
    ['good', 'acme'],
  ]);
  expect(told).toContainEqual(['add jobs.good', 'good', 'acme']);
  expect(told).toContainEqual(['addBulk jobs', undefined, 'beta']);
  expect(told).toContainEqual(['addFlow jobs', undefined, 'beta']);
  expect(told).toContainEqual(['add jobs.central', 'central', undefined]);
  // Each job is done in the trace that it was added in.
  const traces = new Set(
    exporter
      .getFinishedSpans()
      .filter(({ name }) => name === 'process jobs')
      .map((span) => span.spanContext().traceId),
  );
  expect(traces.size).toBe(4);
  await provider.shutdown();
});
