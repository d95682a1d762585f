import * as clack from '@clack/prompts';
import { Cancelled, UsageError } from './failure.ts';
import { isInteractive } from './output.ts';

/** How a value is asked for where it was not given. */
interface Question {
  readonly message: string;
  /** What a script says instead, such as `--email <address>`. */
  readonly instead: string;
}

interface Choice {
  readonly value: string;
  readonly label?: string;
  readonly hint?: string;
}

interface Options {
  readonly input?: boolean;
}

// What is asked goes where notes go, so that a pipe gets none of it.
const shown = { output: process.stderr, withGuide: false };

/** @throws UsageError where nobody is there to be asked; Cancelled where they pressed Ctrl-C. */
export async function askText(
  options: Options,
  { check, initial, ...question }: Question & { check?: (value: string) => string | undefined; initial?: string },
): Promise<string> {
  requireSomeone(options, question);
  const validate = (value = '') => check?.(value);
  return answer(
    await clack.text({
      message: question.message,
      validate,
      ...shown,
      ...(initial === undefined ? {} : { initialValue: initial }),
    }),
  );
}

/** How rows can be kept apart, to choose from. */
export const isolationQuestion = 'How are rows kept apart?';
export const isolationChoices: readonly Choice[] = [
  { value: 'schema', hint: 'a schema for each tenant' },
  { value: 'database', hint: 'a database for each tenant' },
  { value: 'row', hint: 'shared tables, with row-level security' },
];

/** What was typed is shown to nobody. */
export async function askPassword(options: Options, question: Question): Promise<string> {
  requireSomeone(options, question);
  const validate = (value = '') => (value === '' ? 'It cannot be empty.' : undefined);
  const password = answer(await clack.password({ message: question.message, validate, ...shown }));
  const again = answer(await clack.password({ message: 'The same again', ...shown }));
  if (password !== again) throw new UsageError('The two passwords differ.');
  return password;
}

export async function askChoice(
  options: Options,
  { choices, ...question }: Question & { choices: readonly Choice[] },
): Promise<string> {
  requireSomeone(options, question);
  return answer(await clack.select({ message: question.message, options: [...choices], ...shown }));
}

export async function askConsent(options: Options, question: Question): Promise<void> {
  requireSomeone(options, question);
  if (!answer(await clack.confirm({ message: question.message, initialValue: false, ...shown }))) throw new Cancelled();
}

/** Asks for a tenant's id before something is lost; nothing else will do. */
export async function askForId(options: Options & { confirm?: string | undefined }, id: string, loss: string) {
  const given =
    options.confirm ??
    (await askText(options, { message: `${loss} Type the id to go on`, instead: `--confirm ${id}` }));
  if (given !== id) throw new UsageError(`"${given}" is not the id of the tenant "${id}"; nothing was done.`);
}

function requireSomeone(options: Options, { instead }: Question): void {
  if (isInteractive(options)) return;
  throw new UsageError(`Nobody is there to be asked; give ${instead}.`);
}

function answer<Value>(given: Value | typeof clack.CANCEL_SYMBOL): Value {
  if (clack.isCancel(given)) throw new Cancelled();
  return given;
}
