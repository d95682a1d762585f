import { setTimeout as pause } from 'node:timers/promises';
import { TenancyError } from '@omnitenant/core';
import { isBusy } from './native.ts';

/** How long to wait for others that write, and for whom. */
export interface Patience {
  readonly tenant: string;
  readonly busyTimeoutMs: number;
}

const longestPauseMs = 25;

/**
 * Does work that SQLite refuses while another process writes, and tries again in pauses, in which this process serves others.
 *
 * @throws CONNECTIONS_EXHAUSTED after the busy timeout.
 */
export async function whenFree<R>(work: () => R, patience: Patience): Promise<R> {
  const until = performance.now() + patience.busyTimeoutMs;
  for (let pauseMs = 1; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error)) throw error;
      if (performance.now() >= until) throw stillBusy(patience, error);
    }
    await pause(pauseMs);
  }
}

/** For a writer that waited in vain. */
export function stillBusy({ tenant, busyTimeoutMs }: Patience, cause?: unknown): TenancyError {
  const message =
    `The file of "${tenant}" has been written to by somebody else for ${busyTimeoutMs} ms, and a file has one writer at a time. ` +
    'Keep transactions short, and await nothing in them that writes outside of them.';
  return new TenancyError('CONNECTIONS_EXHAUSTED', message, { tenant, cause });
}
