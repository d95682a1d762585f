import { openBar } from './bar.ts';
import { causesOf, sentenceOf } from './failure.ts';
import { note, paint, plain } from './output.ts';

/** One finished tenant of many. */
export interface Step {
  readonly tenant: string;
  readonly total: number;
  readonly done: number;
  readonly failed: number;
  readonly error?: unknown;
}

/** Shows how many tenants are done, and which ones failed. */
export interface Progress {
  step(step: Step): void;
  end(): void;
}

/** Prints a line for each failure; on a terminal with a bar below. */
export function openProgress(verb: string, { bar = true } = {}): Progress {
  if (!bar || !process.stderr.isTTY) return { step: printFailure, end() {} };
  const { show, end } = openBar(verb);
  return {
    step(step) {
      show(step);
      printFailure(step);
    },
    end,
  };
}

/** Errors that were printed. Tenants that share tables fail with one error. */
const printed = new WeakSet<object>();

function printFailure({ tenant, error }: Step): void {
  if (error === undefined) return;
  if (typeof error === 'object' && error !== null) {
    if (printed.has(error)) return;
    printed.add(error);
  }
  note(`${paint('red', 'failed', process.stderr)} "${plain(tenant)}": ${sentenceOf(error)}`);
  for (const cause of causesOf(error)) note(`  cause: ${cause}`);
}
