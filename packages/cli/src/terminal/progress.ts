import { openBar } from './bar.ts';
import { causesOf, sentenceOf } from './failure.ts';
import { isQuiet, note, paint, plain, warn } from './output.ts';

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

/** Prints a line for each failure; on a terminal with a bar below, elsewhere with a line from time to time. */
export function openProgress(verb: string, { bar = true } = {}): Progress {
  if (!bar || isQuiet()) return { step: printFailure, end() {} };
  if (!process.stderr.isTTY) return openLines(verb);
  const { show, end } = openBar(verb);
  return {
    step(step) {
      show(step);
      printFailure(step);
    },
    end,
  };
}

/** A run of fewer tenants gets lines only if it takes long. */
const manyTenants = 20;
const betweenLinesMs = 10_000;

/** A line at each tenth of a long run, and while it is slow one every ten seconds. The last one is the totals' own. */
function openLines(verb: string): Progress {
  let tenths = 0;
  let printedAt = performance.now();
  return {
    step(step) {
      printFailure(step);
      const { total, done, failed } = step;
      const reached = Math.floor((10 * done) / total);
      const isDue = (total >= manyTenants && reached > tenths) || performance.now() - printedAt >= betweenLinesMs;
      if (!isDue || done === total) return;
      tenths = reached;
      printedAt = performance.now();
      note(`${verb} ${done}/${total} · ${failed} failed`);
    },
    end() {},
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
  warn(`${paint('red', 'failed', process.stderr)} "${plain(tenant)}": ${sentenceOf(error)}`);
  for (const cause of causesOf(error)) warn(`  cause: ${cause}`);
}
