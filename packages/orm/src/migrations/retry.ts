import { setTimeout } from 'node:timers/promises';
import { isTenancyError } from '@omnitenant/core';

/** Does the work again, after ever longer pauses of up to half a second, as long as its error is something that passes. */
export async function untilFree<R>(work: () => Promise<R>, passes: (error: unknown) => boolean): Promise<R> {
  for (let pause = 10; ; pause = Math.min(pause * 1.5, 500)) {
    try {
      return await work();
    } catch (error) {
      if (!passes(error)) throw error;
      await setTimeout(pause * (0.5 + Math.random()));
    }
  }
}

/** Whether a server had no connection free, be it for the other tenants of the same run. */
export function isExhausted(error: unknown): boolean {
  return (
    isTenancyError(error, 'CONNECTIONS_EXHAUSTED') ||
    (error instanceof Error && error.cause !== undefined && isExhausted(error.cause))
  );
}
