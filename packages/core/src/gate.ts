import { TenancyError } from './errors.ts';

/** Runs a bounded number of calls at once, and queues a bounded number of others. */
export interface Gate {
  /** Rejects with STORE_UNAVAILABLE if the queue is full. */
  pass<R>(call: () => Promise<R>): Promise<R>;
}

/** A gate for calls to the store. */
export function createGate({ running: limit, waiting }: { running: number; waiting: number }): Gate {
  let running = 0;
  const queue: (() => void)[] = [];

  // A call that ends hands its slot to the next one, so that a new call cannot take it first.
  function leave(): void {
    const next = queue.shift();
    if (next === undefined) running -= 1;
    else next();
  }

  return {
    async pass(call) {
      if (running < limit) running += 1;
      else if (queue.length >= waiting) throw tooManyLookups();
      else await new Promise<void>((resolve) => queue.push(resolve));
      try {
        return await call();
      } finally {
        leave();
      }
    },
  };
}

function tooManyLookups(): TenancyError {
  return new TenancyError('STORE_UNAVAILABLE', 'Too many tenants are being looked up at once; try again.');
}
