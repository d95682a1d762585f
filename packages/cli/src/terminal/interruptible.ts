import { exitCodes } from './failure.ts';
import { note } from './output.ts';

const signals = ['SIGINT', 'SIGTERM'] as const;

/**
 * Runs work that is not to be cut off: the first Ctrl-C aborts its signal, which says to finish what is under way, and the
 * second ends the process.
 */
export async function interruptible<R>(afterwards: string, work: (signal: AbortSignal) => Promise<R>): Promise<R> {
  const controller = new AbortController();
  function interrupt() {
    if (controller.signal.aborted) {
      note(`Stopped at once. ${afterwards}`);
      process.exit(exitCodes.interrupted);
    }
    note('\nFinishing what is under way; Ctrl-C again stops at once.');
    controller.abort();
  }
  for (const name of signals) process.on(name, interrupt);
  try {
    return await work(controller.signal);
  } finally {
    for (const name of signals) process.off(name, interrupt);
  }
}
