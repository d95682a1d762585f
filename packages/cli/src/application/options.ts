import { InvalidArgumentError, Option } from '@commander-js/extra-typings';
import type { Program } from '../terminal/program.ts';
import { isolations } from './isolations.ts';
import { statuses } from './tenant-summary.ts';

/** Options that several commands have. */
export const json = new Option('--json', 'JSON output').conflicts('csv');
export const csv = new Option('--csv', 'CSV output');
export const confirm = new Option('--confirm <id>', 'the tenant id again, to skip the question');
/** How many seconds to wait between two looks. */
export const watch = new Option('--watch [seconds]', 'look again until Ctrl-C, and print what changes')
  .preset('5')
  .argParser(positive);
export const all = new Option('--all', 'all tenants');
export const central = new Option('--central', "central's own migrations instead of the tenants'");
export const target = new Option('--to <migration>', 'target migration; 0 = before the first');
export const allowClosed = new Option(
  '--allow-closed',
  'also enter tenants that are suspended, archived or under maintenance',
);
export const reason = new Option('--reason <text>', 'why, for the record of who entered a closed tenant');
export const status = new Option('--status <status>', 'only tenants in this status').choices(statuses);
export const isolation = new Option('--isolation <isolation>', 'tenant isolation').choices(Object.keys(isolations));
export const server = new Option('--server <name>', 'database server, by its name in the configuration');
export const url = new Option('--url <reference>', 'dedicated server: env:NAME, or the output of credentials seal');
export const database = new Option('--database <name>', 'database name');
export const schema = new Option('--schema <name>', 'schema name');
export const skip = new Option('--skip <tenants>', 'tenants to leave out: ids and patterns, with commas').argParser(
  names,
);
export const limit = new Option('--limit <n>', 'list at most this many').argParser(positive);
export const maxFailures = wholeNumberOption('--max-failures <n>', 'stop after more than this many failures');

/** A number from 0. */
export function wholeNumberOption<Flags extends string>(flags: Flags, text: string) {
  return new Option(flags, text).argParser(wholeNumber);
}

export function canary(verb: string) {
  const text = `${verb} these tenants first, by id, or this many; stop if any of them fails`;
  return new Option('--canary <tenants>', text).argParser(tenantsOrCount);
}

/** `acme,bloom`, or how many. */
function tenantsOrCount(value: string): number | readonly string[] {
  return /^\d{1,9}$/.test(value) ? Number(value) : names(value);
}

function names(value: string): readonly string[] {
  return value.split(',').filter(Boolean);
}

export function concurrency(usual: number) {
  return new Option('--concurrency <n>', 'number of tenants at a time').argParser(positive).default(usual);
}

/** The most migrations to run. */
export function step(text: string) {
  return new Option('--step <n>', text).argParser(positive).conflicts('to');
}

/** The argument of commands that take tenants. */
export const tenantPatterns = "tenant ids, or patterns such as 'acme-*'";

/** A command that works on the migrations of tenants, or of each. */
export function fleetCommand(program: Program, name: string) {
  return program
    .command(name)
    .argument('[tenants...]', tenantPatterns)
    .addOption(all)
    .addOption(skip)
    .addOption(target)
    .addOption(maxFailures)
    .addOption(concurrency(4))
    .addOption(json);
}

/** A command that adds a tenant. */
export function newTenantCommand(program: Program, name: string) {
  return program
    .command(name)
    .option('--name <name>', 'display name (default: the id)')
    .addOption(isolation)
    .addOption(
      new Option('--domain <host>', 'domain of the tenant; the first one is primary; repeatable')
        .argParser(collect)
        .default([] as readonly string[], 'none'),
    )
    .addOption(server)
    .addOption(url)
    .addOption(database)
    .addOption(schema)
    .addOption(new Option('--tenant-config <json>', "the tenant's config, a JSON object").argParser(object))
    .addOption(new Option('--columns <json>', 'your own tenant columns, a JSON object').argParser(object))
    .addOption(json);
}

/** A moment, such as of an audit's entry. */
export function time(value: string): Date {
  const at = new Date(value);
  if (/^\d{4}-\d{2}-\d{2}/.test(value) && Number.isFinite(at.getTime())) return at;
  throw new InvalidArgumentError('It must be a time, such as 2026-01-31T14:30Z.');
}

/** Collects the values of an option that may be repeated. */
export function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function wholeNumber(value: string): number {
  if (/^\d{1,9}$/.test(value)) return Number(value);
  throw new InvalidArgumentError('It must be a whole number.');
}

function positive(value: string): number {
  const number = wholeNumber(value);
  if (number > 0) return number;
  throw new InvalidArgumentError('It must be at least 1.');
}

function object(value: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(value);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return { ...parsed };
  } catch {}
  throw new InvalidArgumentError(`It must be a JSON object, such as '{"plan":"pro"}'.`);
}
