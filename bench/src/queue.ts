import { randomBytes } from 'node:crypto';
import { createTenancy, memoryStore, type Tenancy } from '@omnitenant/core';
import { Queue, Worker } from '@omnitenant/queue';
import { redis } from '@omnitenant/tooling/services';
import { Queue as PlainQueue, Worker as PlainWorker, type QueueOptions } from 'bullmq';
import { answer } from './worker.ts';

export type QueueCalls = typeof calls;

/** Jobs a second. */
export interface QueueRound {
  readonly plain: number;
  /** Jobs that carry their tenant. */
  readonly tenancy: number;
  /** And tenants that take turns. */
  readonly fair: number;
  /** And have a limit of active jobs each. */
  readonly limited: number;
}

const tenants = Array.from({ length: 20 }, (_, n) => `t${n}`);
const concurrency = 20;
const fairOf = { plain: false, tenancy: false, fair: true, limited: { concurrency: 5 } } as const;
/** Parts of a round, each measured and compared by itself: what else the machine does changes less within a shorter one. */
const parts = 5;

const calls = {
  /** Adds jobs and has them done, on BullMQ by itself and with tenancy, round by round. */
  async measure({ rounds, jobs }: { readonly rounds: number; readonly jobs: number }): Promise<QueueRound[]> {
    await using server = await redis();
    await using tenancy = createTenancy({ store: memoryStore() });
    for (const id of tenants) await tenancy.tenants.create({ id });
    const { hostname: host, port } = new URL(server.url);
    const options = {
      connection: { host, port: Number(port || 6379) },
      prefix: `bench_${randomBytes(4).toString('hex')}`,
    };
    const variants = ['plain', 'tenancy', 'fair', 'limited'] as const;
    const measured: QueueRound[] = [];
    // The first round is the warm-up.
    for (let round = 0; round < parts * (rounds + 1); round += 1) {
      const rates: Partial<Record<(typeof variants)[number], number>> = {};
      for (let n = 0; n < variants.length; n += 1) {
        const variant = variants[(n + round) % variants.length] ?? 'plain';
        rates[variant] = await rate(variant, Math.ceil(jobs / parts), options, tenancy);
      }
      if (round >= parts) measured.push(rates as QueueRound);
    }
    return measured;
  },
};

async function rate(variant: keyof QueueRound, jobs: number, options: QueueOptions, tenancy: Tenancy): Promise<number> {
  const name = `${variant}_${randomBytes(4).toString('hex')}`;
  const { promise: all, resolve } = Promise.withResolvers<void>();
  let left = jobs;
  const processor = async () => {};
  const plain = variant === 'plain';
  const queue = plain ? new PlainQueue(name, options) : new Queue(name, options);
  const worker = plain
    ? new PlainWorker(name, processor, { ...options, concurrency })
    : new Worker(name, processor, { ...options, concurrency, tenancy, fair: fairOf[variant] });
  worker.on('completed', () => {
    left -= 1;
    if (left === 0) resolve();
  });
  await worker.waitUntilReady();
  const began = performance.now();
  const batch = Array.from({ length: 50 }, (_, n) => ({ name: 'job', data: { n } }));
  for (let added = 0, turn = 0; added < jobs; added += batch.length, turn += 1) {
    const id = tenants[turn % tenants.length] ?? '';
    await (plain ? queue.addBulk(batch) : tenancy.run(id, () => queue.addBulk(batch)));
  }
  await all;
  const seconds = (performance.now() - began) / 1_000;
  await worker.close();
  await queue.obliterate({ force: true });
  await queue.close();
  return jobs / seconds;
}

answer(calls);
