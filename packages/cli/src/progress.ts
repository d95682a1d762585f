import { Presets, SingleBar } from 'cli-progress';
import { causesOf, sentenceOf } from './failure.ts';
import { note, paint, plain } from './terminal.ts';

/** One step of the way over a fleet. */
export interface Step {
  readonly tenant: string;
  readonly total: number;
  readonly done: number;
  readonly failed: number;
  readonly error?: unknown;
}

/** Shows how far a fleet is gone through, and which tenants failed. */
export interface Progress {
  step(step: Step): void;
  end(): void;
}

/** A bar on a terminal, with the failures under it in the end; else a line for each failure as it happens. */
export function openProgress(verb: string, { bar = true } = {}): Progress {
  return bar && process.stderr.isTTY ? withBar(verb) : { step: tell, end() {} };
}

function withBar(verb: string): Progress {
  const format = `${verb} {bar} {value}/{total} · {failed} failed · {tenant}`;
  const options = { format, barsize: 30, clearOnComplete: true, hideCursor: true, stream: process.stderr };
  // Ctrl-C is not the bar's to handle.
  const shown = new SingleBar({ ...options, gracefulExit: false }, Presets.shades_classic);
  const failures: Step[] = [];
  return {
    step(step) {
      const { total, done, failed, tenant } = step;
      if (done === 1) shown.start(total, 0, { failed, tenant });
      shown.update(done, { failed, tenant });
      if (step.error !== undefined) failures.push(step);
    },
    end() {
      shown.stop();
      for (const failure of failures) tell(failure);
    },
  };
}

function tell({ tenant, error }: Step): void {
  if (error === undefined) return;
  note(`${paint('red', 'failed', process.stderr)} ${plain(tenant)}: ${sentenceOf(error)}`);
  for (const cause of causesOf(error)) note(`  because: ${cause}`);
}
