import { exitCodes } from './failure.ts';
import { warn } from './output.ts';

const signals = ['SIGINT', 'SIGTERM'] as const;

/**
 * Runs work that should not be cut off. The first Ctrl-C or SIGTERM aborts its signal, so that it can finish what it has
 * started. The second one exits the process, with `afterwards` as advice.
 */
export async function interruptible<R>(afterwards: string, work: (signal: AbortSignal) => Promise<R>): Promise<R> {
  const controller = new AbortController();
  function interrupt() {
    if (controller.signal.aborted) {
      warn(`Stopped immediately. ${afterwards}`);
      process.exit(exitCodes.interrupted);
    }
    warn('\nFinishing the work in progress; press Ctrl-C again to stop immediately.');
    controller.abort();
  }
  for (const name of signals) process.on(name, interrupt);
  try {
    return await work(controller.signal);
  } finally {
    for (const name of signals) process.off(name, interrupt);
  }
}
