import { outside } from '../scope/context.ts';

/** So many calls may be unanswered at once. There is more than one, because the connection of the first may be dead. */
const unansweredMax = 3;

/**
 * Renews a lease at intervals, in milliseconds, until the function that it returns is called. A renewal that fails is tried again with the next,
 * and a store that does not answer gets three at most. It does not keep the process alive.
 */
export function renewing(everyMs: number, renew: () => Promise<void>): () => void {
  let unanswered = 0;

  async function renewOnce(): Promise<void> {
    if (unanswered === unansweredMax) return;
    unanswered += 1;
    await renew().catch(() => {});
    unanswered -= 1;
  }

  const timer = outside(() => setInterval(() => void renewOnce(), everyMs));
  timer.unref();
  return () => clearInterval(timer);
}
