import { InvalidArgumentError, Option } from '@commander-js/extra-typings';
import { isolations, statuses } from './tenants.ts';

// The options that several commands have. Those of a fleet:
export const all = new Option('--all', 'every tenant');
export function concurrency(usual: number) {
  return new Option('--concurrency <n>', 'tenants at a time').argParser(positive).default(usual);
}
export const maxFailures = new Option('--max-failures <n>', 'begin no more once more than so many failed').argParser(
  wholeNumber,
);
export const canary = new Option(
  '--canary <n>',
  'so many tenants first; one failure leaves the others alone',
).argParser(wholeNumber);
export const target = new Option(
  '--to <migration>',
  'the migration that is to be the last one; 0 stands before the first',
);

// Those of output and consent:
export const json = new Option('--json', 'all of it, for programs').conflicts('csv');
export const csv = new Option('--csv', 'for spreadsheets');
export const yes = new Option('--yes', 'do not ask');
export const confirm = new Option('--confirm <id>', 'the id once more, instead of being asked for it');

// Those of a tenant:
export const status = new Option('--status <status>', 'only those of this status').choices(statuses);
export const isolation = new Option('--isolation <isolation>', 'how its rows are kept apart').choices(isolations);
export const name = new Option('--name <name>', 'its name, for people (default: the id)');
export const domain = new Option(
  '--domain <host>',
  'a domain that leads to it; the first is the primary one; repeatable',
)
  .argParser(collect)
  .default([] as readonly string[], 'none');
export const server = new Option('--server <name>', 'the database server, by its name in the configuration');
export const url = new Option('--url <reference>', 'its own server: env:NAME, or as credentials seal prints it');
export const database = new Option('--database <name>', 'the database');
export const schema = new Option('--schema <name>', 'the schema');
export const tenantConfig = new Option('--tenant-config <json>', 'its config, an object').argParser(object);
export const columns = new Option('--columns <json>', 'columns of your own, an object').argParser(object);

/** Options that may be given several times. */
export function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function wholeNumber(value: string): number {
  if (/^\d{1,9}$/.test(value)) return Number(value);
  throw new InvalidArgumentError('It takes a whole number.');
}

function positive(value: string): number {
  const number = wholeNumber(value);
  if (number > 0) return number;
  throw new InvalidArgumentError('It takes a number from 1 on.');
}

function object(value: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(value);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return { ...parsed };
  } catch {}
  throw new InvalidArgumentError(`It takes a JSON object, such as '{"plan":"pro"}'.`);
}
