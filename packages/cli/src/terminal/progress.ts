import { openBar } from './bar.ts';
import { causesOf, sentenceOf } from './failure.ts';
import { note, paint, plain } from './output.ts';

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

/** On a terminal, a bar under the failures; else a line for each failure as it happens. */
export function openProgress(verb: string, { bar = true } = {}): Progress {
  if (!bar || !process.stderr.isTTY) return { step: tell, end() {} };
  const { show, end } = openBar(verb);
  return {
    step(step) {
      show(step);
      tell(step);
    },
    end,
  };
}

function tell({ tenant, error }: Step): void {
  if (error === undefined) return;
  note(`${paint('red', 'failed', process.stderr)} ${plain(tenant)}: ${sentenceOf(error)}`);
  for (const cause of causesOf(error)) note(`  because: ${cause}`);
}
