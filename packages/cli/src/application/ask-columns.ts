import { isSecretName } from '@omnitenant/core/extend';
import type { CommonOptions } from '../terminal/program.ts';
import { askChoice, askHidden, askText } from '../terminal/prompts.ts';
import type { OwnColumn } from './own-columns.ts';

type Values = Readonly<Record<string, unknown>>;

/** Asks for the application's own columns that were not given; Enter leaves out those that may be. */
export async function askColumns(
  options: CommonOptions,
  columns: readonly OwnColumn[],
  given: Values = {},
): Promise<Values> {
  const answers: Record<string, unknown> = { ...given };
  for (const column of columns.filter(({ name }) => !(name in given))) {
    const answer = await askColumn(options, column);
    if (answer !== '') answers[column.name] = readers[column.type](answer);
  }
  return answers;
}

function askColumn(options: CommonOptions, column: OwnColumn): Promise<string> {
  const { name, type, optional } = column;
  const choices = column.choices ?? (type === 'boolean' ? ['true', 'false'] : undefined);
  const question = { message: name, instead: `--columns '{"${name}":…}'` };
  if (choices !== undefined) {
    const none = optional ? [{ value: '', label: 'default' }] : [];
    return askChoice(options, { ...question, choices: [...none, ...choices.map((value) => ({ value }))] });
  }
  const message = optional ? `${name} (Enter for none)` : name;
  const check = (value: string) => problemOf(column, value);
  return isSecretName(name)
    ? askHidden(options, { ...question, message, check })
    : askText(options, { ...question, message, check });
}

function problemOf({ type, optional }: OwnColumn, value: string): string | undefined {
  if (value === '') return optional ? undefined : 'It cannot be empty.';
  try {
    readers[type](value);
    return undefined;
  } catch {
    return `It must be ${kinds[type]}.`;
  }
}

const kinds: Readonly<Record<OwnColumn['type'], string>> = {
  text: 'text',
  number: 'a number',
  boolean: 'true or false',
  date: 'a date, such as 2030-12-31',
  json: 'JSON',
};

/** What an answer means. Each throws where it means nothing. */
const readers: Readonly<Record<OwnColumn['type'], (answer: string) => unknown>> = {
  text: (answer) => answer,
  number: (answer) => {
    const number = Number(answer);
    if (!Number.isFinite(number)) throw new TypeError(answer);
    return number;
  },
  boolean: (answer) => answer === 'true',
  date: (answer) => {
    const date = new Date(answer);
    date.toISOString();
    return date;
  },
  json: (answer) => JSON.parse(answer) as unknown,
};
