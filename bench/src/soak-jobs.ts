import { createTenancy, memoryStore, type Tenancy } from '@omnitenant/core';
import { Queue, Worker } from '@omnitenant/queue';
import { between } from './soak-counters.ts';
import { answer } from './worker.ts';

export interface SoakJobsOptions {
  readonly redis: string;
  readonly quiet: readonly string[];
  readonly noisy: string;
  /** Jobs of the noisy tenant. */
  readonly jobs: number;
}

export type SoakJobsCalls = typeof calls;

interface Running {
  readonly tenancy: Tenancy;
  readonly queue: Queue<{ of: string }>;
  readonly worker: Worker<{ of: string }>;
  /** What was processed, and what Redis has said is completed: that may be lost with a connection. */
  readonly processed: Set<string>;
  readonly done: Set<string>;
  foreign: number;
  added: number;
}

let running: Running | undefined;
const jobMs = 2;

const calls = {
  /** Adds the jobs of the noisy tenant, and does them fairly from then on. */
  async start({ redis, quiet, noisy, jobs }: SoakJobsOptions): Promise<void> {
    const tenancy = createTenancy({ store: memoryStore() });
    for (const id of [noisy, ...quiet]) await tenancy.tenants.create({ id });
    const { hostname: host, port } = new URL(redis);
    const connection = { host, port: Number(port) };
    const queue = new Queue<{ of: string }>('soak', { connection });
    const bulk = Array.from({ length: 1_000 }, () => ({ name: 'job', data: { of: noisy } }));
    for (let added = 0; added < jobs; added += bulk.length) await tenancy.run(noisy, () => queue.addBulk(bulk));
    const state: Omit<Running, 'worker'> = {
      tenancy,
      queue,
      processed: new Set(),
      done: new Set(),
      foreign: 0,
      added: jobs,
    };
    const worker = new Worker<{ of: string }>(
      'soak',
      async (job) => {
        if (job.data.of !== tenancy.current().id) state.foreign += 1;
        await new Promise((resolve) => setTimeout(resolve, jobMs));
        state.processed.add(String(job.id));
      },
      { connection, tenancy, fair: true, concurrency: 10 },
    );
    worker.on('completed', ({ id }) => void state.done.add(String(id)));
    // A server that is away is what the soak is about; BullMQ connects again.
    worker.on('error', () => {});
    queue.on('error', () => {});
    running = Object.assign(state, { worker });
  },

  /** How long a quiet tenant's job waits until it is done, in milliseconds, one at a time. */
  async lone({ ids }: { readonly ids: readonly string[] }): Promise<number[]> {
    const { tenancy, queue, worker, ...state } = started();
    const times: number[] = [];
    for (const id of ids) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const name = `lone-${times.length}`;
      const heard = (job: { name: string }) => void (job.name === name && resolve());
      worker.on('completed', heard);
      const start = performance.now();
      await tenancy.run(id, () => queue.add(name, { of: id }));
      await promise;
      worker.off('completed', heard);
      times.push(performance.now() - start);
      started().added = state.added + times.length;
    }
    return times;
  },

  /** Stops, and gives the queue's counters beside what was added and done. */
  async end(): Promise<{ foreign: number; counters: Record<string, readonly [counted: number, done: number]> }> {
    const { tenancy, queue, worker, processed, done, foreign, added } = started();
    await worker.close();
    const { waiting, prioritized, delayed, active, waitingChildren, completed, failed } = await queue.stats();
    await queue.obliterate({ force: true });
    await queue.close();
    await tenancy.close();
    return {
      foreign,
      counters: {
        'jobs in the queue': [waiting + prioritized + delayed + active + waitingChildren + completed + failed, added],
        'jobs completed': [completed, between(completed, done.size, processed.size)],
        'jobs failed': [failed, 0],
      },
    };
  },
};

function started(): Running {
  if (running === undefined) throw new Error('Call start first.');
  return running;
}

answer(calls);
