import * as clack from '@clack/prompts';
import { Cancelled, UsageError } from './failure.ts';
import { isInteractive, warn } from './output.ts';

/** A question for a value that was not given. */
interface Question {
  readonly message: string;
  /** What a script passes instead, such as `--email <address>`. */
  readonly instead: string;
}

/** One of several answers. */
export interface Choice {
  readonly value: string;
  readonly label?: string;
  readonly hint?: string;
}

interface Options {
  readonly input?: boolean;
}

// Prompts go to standard error, so that a pipe receives only the result.
const shown = { output: process.stderr, withGuide: false };

/** @throws UsageError when not interactive; Cancelled on Ctrl-C. */
export async function askText(
  options: Options,
  { check, initial, ...question }: Question & { check?: (value: string) => string | undefined; initial?: string },
): Promise<string> {
  requireInteractive(options, question);
  const validate = (value = '') => check?.(value);
  const initialValue = initial === undefined ? {} : { initialValue: initial };
  return answer(await clack.text({ message: question.message, validate, ...initialValue, ...shown }));
}

/** Asks once; the input is not shown. */
export async function askHidden(
  options: Options,
  { check, ...question }: Question & { check?: (value: string) => string | undefined },
): Promise<string> {
  requireInteractive(options, question);
  const validate = (value = '') => check?.(value);
  return answer(await clack.password({ message: question.message, validate, ...shown })) ?? '';
}

/** Asks twice; the input is not shown. */
export async function askPassword(options: Options, question: Question): Promise<string> {
  requireInteractive(options, question);
  const validate = (value = '') => (value === '' ? 'It cannot be empty.' : undefined);
  const password = answer(await clack.password({ message: question.message, validate, ...shown }));
  const again = answer(await clack.password({ message: 'Repeat', ...shown }));
  if (password !== again) throw new UsageError('The two inputs differ.');
  return password;
}

export async function askChoice(
  options: Options,
  { choices, ...question }: Question & { choices: readonly Choice[] },
): Promise<string> {
  requireInteractive(options, question);
  return answer(await clack.select({ message: question.message, options: [...choices], ...shown }));
}

/** @throws Cancelled unless the user says yes. */
export async function askConsent(options: Options, question: Question): Promise<void> {
  requireInteractive(options, question);
  if (!answer(await clack.confirm({ message: question.message, initialValue: false, ...shown }))) throw new Cancelled();
}

/** Makes the user type the id of a tenant before its data is deleted. */
export async function askForId(options: Options & { confirm?: string | undefined }, id: string, warning: string) {
  const question = { message: `Type "${id}" to continue`, instead: `--confirm ${id}` };
  if (options.confirm === undefined) {
    requireInteractive(options, question);
    warn(warning);
  }
  const given = options.confirm ?? (await askText(options, question));
  if (given !== id) throw new UsageError(`"${given}" is not the id of tenant "${id}"; nothing was changed.`);
}

function requireInteractive(options: Options, { instead }: Question): void {
  if (!isInteractive(options)) throw new UsageError(`Not running interactively; pass ${instead}.`);
}

function answer<Value>(given: Value | typeof clack.CANCEL_SYMBOL): Value {
  if (clack.isCancel(given)) throw new Cancelled();
  return given;
}
