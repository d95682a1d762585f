import * as v from 'valibot';

/** The jobs of one tenant in each queue, by their state. */
export const TenantQueues = v.object({
  queues: v.array(v.object({ name: v.string(), counts: v.record(v.string(), v.number()) })),
});
