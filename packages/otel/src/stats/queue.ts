import type { Meter } from '@opentelemetry/api';
import { queueAttributes } from '../traced-work.ts';
import { gauge, observe } from './observe.ts';

/** The members of a queue that are instrumented. */
export interface InstrumentedQueue {
  readonly name: string;
  stats(): Promise<{
    readonly waiting: number;
    readonly prioritized: number;
    readonly delayed: number;
    readonly active: number;
    readonly waitingChildren: number;
    readonly completed: number;
    readonly failed: number;
    readonly heldBack: number;
  }>;
}

export function observeQueues(meter: Meter, queues: readonly InstrumentedQueue[]): () => void {
  const made = {
    jobs: gauge(meter, 'omnitenant.queue.jobs', 'job', 'Jobs of all tenants, by their state.'),
    heldBack: gauge(
      meter,
      'omnitenant.queue.held_back_jobs',
      'job',
      'Jobs that may not start yet, as their tenant is at a limit or paused. They are among those that wait.',
    ),
  };
  return observe(meter, made, async (result) => {
    // One that does not answer leaves a gap in its own series.
    const all = await Promise.allSettled(queues.map((queue) => queue.stats()));
    for (const [n, found] of all.entries()) {
      if (found.status === 'rejected') continue;
      const attributes = queueAttributes(queues[n]?.name ?? '');
      const { heldBack, waitingChildren, ...states } = found.value;
      for (const [state, count] of Object.entries({ ...states, waiting_children: waitingChildren })) {
        result.observe(made.jobs, count, { ...attributes, 'omnitenant.job.state': state });
      }
      result.observe(made.heldBack, heldBack, attributes);
    }
  });
}
