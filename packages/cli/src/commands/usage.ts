import { InvalidArgumentError, Option } from '@commander-js/extra-typings';
import type { TenantUsage } from '@omnitenant/core';
import { csv, json } from '../application/options.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { note } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { type Column, printRows } from '../terminal/table.ts';

export function usage(program: Program): void {
  program
    .command('usage')
    .summary('show the usage of tenants')
    .description(
      'Shows the usage of tenants, as counted by processes with the option "usage" of createTenancy(), and what each tenant stores now.',
    )
    .argument('[tenant]', 'tenant id (default: all tenants, including removed ones)')
    .addOption(new Option('--since <day>', 'first day, in UTC, or a number of days such as 7d').argParser(dayOf))
    .addOption(json)
    .addOption(csv)
    .addHelpText(
      'after',
      examples({
        usage: 'of all tenants in this month',
        'usage acme --since 2026-01-01': 'of one tenant, from that day on',
        'usage --since 7d --csv > usage.csv': 'of the last seven days, for a spreadsheet',
      }),
    )
    .action(async (tenant, { since = firstOfMonth(), ...format }, command) => {
      await withApplication(command, async ({ tenancy }) => {
        await printRows(await tenancy.usage({ tenant, since, storage: true }), columns, format);
        if (!format.json && !format.csv)
          note(`Since ${since.toISOString().slice(0, 10)} (UTC). Storage is what is stored now.`);
      });
    });
}

const dayMs = 86_400_000;

function firstOfMonth(): Date {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth()));
}

function dayOf(value: string): Date {
  const days = /^(\d{1,4})d$/.exec(value)?.[1];
  if (days !== undefined) return new Date(Date.now() - Number(days) * dayMs);
  const day = new Date(value);
  if (/^\d{4}-\d\d-\d\d$/.test(value) && day.toJSON()?.startsWith(value)) return day;
  throw new InvalidArgumentError('It must be a day such as 2026-01-31, or a number of days such as 7d.');
}

const columns: readonly Column<TenantUsage>[] = [
  { name: 'tenant', value: ({ tenant }) => tenant, style: () => 'bold' },
  { name: 'created', value: ({ createdAt }) => createdAt.toISOString().slice(0, 10) },
  { name: 'statements', value: ({ statements }) => statements },
  { name: 'ms', value: ({ milliseconds }) => milliseconds },
  { name: 'rows', value: ({ rows }) => rows },
  { name: 'jobs', value: ({ jobs }) => jobs },
  { name: 'cache bytes', value: ({ cacheBytes }) => cacheBytes },
  { name: 'storage bytes', value: ({ storageBytes }) => storageBytes },
];
