import { setTimeout } from 'node:timers/promises';
import { isTenancyError } from '@omnitenant/core';

/** Repeats the work while it fails with a temporary error, after pauses that grow up to half a second. */
export async function retryWhile<R>(work: () => Promise<R>, isTemporary: (error: unknown) => boolean): Promise<R> {
  for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 1.5, 500)) {
    try {
      return await work();
    } catch (error) {
      if (!isTemporary(error)) throw error;
      await setTimeout(pauseMs * (0.5 + Math.random()));
    }
  }
}

/** Whether a server had no free connection, which other tenants of the same run may hold. */
export function isExhausted(error: unknown): boolean {
  return (
    isTenancyError(error, 'CONNECTIONS_EXHAUSTED') ||
    (error instanceof Error && error.cause !== undefined && isExhausted(error.cause))
  );
}
