import { DelayedError, type Job, RedisQueueBackend, WaitingError } from 'bullmq';
import { defining } from '../bullmq/defining.ts';
import { ownerIn } from '../jobs/owned-options.ts';
import { isTenant, type Owner } from '../jobs/owner.ts';

/** Holds back the jobs of a tenant for a while. */
export interface Holding {
  /** Until when this worker holds the job back before it begins; 0 if it does not. */
  untilMs(job: Job): number;
  /** Whether a job that is told to slow down is held back for its tenant alone. */
  holds(job: Job): boolean;
  /** Begins no job of the tenant until then. */
  holdBack(owner: Owner, untilMs: number): Promise<void>;
  /** Puts the job back, and throws what BullMQ expects then. A job that had not started takes nothing from the worker's limiter. */
  hold(job: Job, token: string, untilMs: number, how: { readonly started: boolean }): Promise<never>;
}

/** Delays jobs one by one. A tenant is held back by this worker only. */
export function delayedHolding(backend: unknown): Holding {
  const untilOf = new Map<Owner, number>();
  function untilMs({ opts }: Job): number {
    const owner = ownerIn(opts) ?? '';
    const until = untilOf.get(owner) ?? 0;
    if (until <= Date.now()) untilOf.delete(owner);
    return until;
  }
  return {
    untilMs,
    holds: (job) => untilMs(job) > 0,
    async holdBack(owner, until) {
      untilOf.set(owner, Math.max(until, untilOf.get(owner) ?? 0));
    },
    async hold(job, token, until, { started }) {
      if (!started) await refundLimiter(backend);
      await job.moveToDelayed(until, token);
      throw new DelayedError();
    },
  };
}

/** Parks the tenant for all fair workers of the queue, and puts the job back in front of its others. */
export function parkedHolding(backend: unknown, park: (owner: Owner, untilMs: number) => Promise<unknown>): Holding {
  const delaying = delayedHolding(backend);
  const isTenants = ({ opts }: Job) => isTenant(ownerIn(opts));
  return {
    untilMs: () => 0,
    holds: isTenants,
    async holdBack(owner, until) {
      await park(owner, until);
    },
    async hold(job, token, until, how) {
      if (!isTenants(job)) return delaying.hold(job, token, until, how);
      if (until > 0) await park(ownerIn(job.opts) ?? '', until);
      if (!how.started) await refundLimiter(backend);
      await job.moveToWait(token);
      throw new WaitingError();
    },
  };
}

const refundCommand = 'omnitenant:refundLimiter';
const refundScript = `
local started = tonumber(redis.call('GET', KEYS[1]))
if started and started > 0 then redis.call('DECR', KEYS[1]) end
`;
const defineRefund = defining(() => [[refundCommand, { numberOfKeys: 1, lua: refundScript }]]);

async function refundLimiter(backend: unknown): Promise<void> {
  if (!(backend instanceof RedisQueueBackend)) return;
  const client = await backend.client;
  defineRefund(client);
  await client.runCommand(refundCommand, [backend.toKey('limiter')]);
}
