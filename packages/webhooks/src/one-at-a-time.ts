import { randomUUID } from 'node:crypto';
import type { TenantLeases } from '@omnitenant/core/extend';
import { pause } from './pause.ts';

export interface OneAtATimeOptions {
  readonly leases: TenantLeases;
  /** What is leased. No tenant can have an id with a colon. */
  readonly leaseId: `:${string}`;
  /** After so long another process takes over from one that has died, in milliseconds. */
  readonly leaseMs: number;
  readonly onError: (error: unknown) => void;
}

/** When work has to end. */
export interface Ending {
  /** From then on it begins with nothing. */
  readonly stop: AbortSignal;
  /** From then on another process may begin, so that it lets go of what it has begun. */
  readonly cut: AbortSignal;
}

/** Runs `work` in one of the processes that ask for it. The signal stops it; it never rejects. */
export async function oneAtATime(
  { leases, leaseId, leaseMs, onError }: OneAtATimeOptions,
  signal: AbortSignal,
  work: (ending: Ending) => Promise<unknown>,
): Promise<void> {
  const beatMs = leaseMs / 3;

  async function reported<R>(ask: () => Promise<R>): Promise<R | undefined> {
    return ask().catch((error: unknown) => {
      onError(error);
      return undefined;
    });
  }

  /** One that is not renewed in time counts as lost, before another process may have it. */
  async function isRenewed(holder: string): Promise<boolean> {
    const late = new AbortController();
    const renewed = reported(() => leases.renew(leaseId, holder, leaseMs));
    const inTime = await Promise.race([renewed, pause(beatMs, late.signal)]);
    late.abort();
    return inTime === true;
  }

  /** Renews until the work is over, so that what is finished after the stop is still alone. */
  async function hold(holder: string): Promise<void> {
    const lost = new AbortController();
    const over = new AbortController();
    const ending = { stop: AbortSignal.any([signal, lost.signal]), cut: lost.signal };
    const working = work(ending).finally(() => over.abort());
    while (!over.signal.aborted && !lost.signal.aborted) {
      await pause(beatMs, over.signal);
      if (!over.signal.aborted && !(await isRenewed(holder))) lost.abort();
    }
    await working;
  }

  while (!signal.aborted) {
    // A name for each time, so that a lease that counts as lost is not taken for one that is held.
    const holder = randomUUID();
    const askedAt = performance.now();
    const lease = await reported(() => leases.take(leaseId, { holder, verb: 'deliver' }, leaseMs));
    const isHeld = lease?.holder === holder;
    // Central may have answered so late that the lease is about to end.
    const isWhole = isHeld && performance.now() - askedAt < beatMs;
    if (isWhole) await hold(holder);
    if (isHeld) await reported(() => leases.release(leaseId, holder));
    if (!isWhole) await pause(beatMs, signal);
  }
}
