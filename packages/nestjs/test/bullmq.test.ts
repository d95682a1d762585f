import 'reflect-metadata';
import { BullModule, InjectFlowProducer, InjectQueue, OnWorkerEvent, Processor, WorkerHost } from '@nestjs/bullmq';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { createTenancy, memoryStore } from '@omnitenant/core';
import { FlowProducer, Queue, queueResource, Worker } from '@omnitenant/queue';
import { testRedis } from '@omnitenant/tooling';
import type { Processor as BullProcessor, Job, WorkerOptions } from 'bullmq';
import { expect, test } from 'vitest';

test('the queues, workers and flows of @nestjs/bullmq are those of @omnitenant/queue', async () => {
  const redis = await testRedis();
  const { hostname: host, port } = new URL(redis.url);
  const connection = { host, port: Number(port || 6379) };
  const prefix = `${redis.prefix}nest`;
  const emails = new Queue('emails', { connection, prefix });
  const tenancy = createTenancy({ store: memoryStore(), resources: [queueResource(emails)] });
  for (const id of ['acme', 'beta']) await tenancy.tenants.create({ id });

  class TenantWorker extends Worker {
    constructor(name: string, processor: BullProcessor, options: WorkerOptions) {
      super(name, processor, { ...options, tenancy });
    }
  }
  BullModule.queueClass = Queue as never;
  BullModule.flowProducerClass = FlowProducer as never;
  BullModule.workerClass = TenantWorker as never;

  const processed: string[] = [];
  const handled: string[] = [];
  const { promise: all, resolve } = Promise.withResolvers<void>();

  @Processor('emails', { concurrency: 2 })
  class Emails extends WorkerHost {
    async process(job: Job): Promise<void> {
      processed.push(`${tenancy.current().id} ${job.name}`);
    }

    @OnWorkerEvent('completed')
    onCompleted(job: Job): void {
      handled.push(`${tenancy.current().id} ${job.name}`);
      if (handled.length === 4) resolve();
    }
  }

  @Injectable()
  class Mailer {
    constructor(
      @InjectQueue('emails') readonly queue: Queue,
      @InjectFlowProducer('flows') readonly flows: FlowProducer,
    ) {}
  }

  @Module({
    imports: [
      BullModule.forRoot({ connection, prefix }),
      BullModule.registerQueue({ name: 'emails' }),
      BullModule.registerFlowProducer({ name: 'flows' }),
    ],
    providers: [Emails, Mailer],
  })
  class AppModule {}

  const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
  const { queue, flows } = app.get(Mailer);
  expect(queue).toBeInstanceOf(Queue);
  await expect(queue.add('welcome', {})).rejects.toMatchObject({ code: 'OUTSIDE_SCOPE' });
  for (const id of ['acme', 'beta']) {
    await tenancy.run(id, async () => {
      await queue.add('welcome', {});
      await flows.add({ name: 'digest', queueName: 'emails' });
    });
  }
  await all;
  const expected = ['acme digest', 'acme welcome', 'beta digest', 'beta welcome'];
  expect(processed.toSorted()).toEqual(expected);
  expect(handled.toSorted()).toEqual(expected);
  await tenancy.tenants.remove('acme');
  expect(await queue.getJobs()).toHaveLength(2);
  await app.close();
  await tenancy.close();
  await redis.drop();
});
