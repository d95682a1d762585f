import { InvalidArgumentError, Option } from '@commander-js/extra-typings';
import { defined } from '../application/defined.ts';
import { json } from '../application/options.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import type { Program } from '../terminal/program.ts';
import { changeEach } from './change-status.ts';

export function archive(program: Program): void {
  program
    .command('archive')
    .summary('close tenants and keep their data')
    .description('Archives tenants: they cannot be entered, and their data is kept until purge deletes it.')
    .argument('<tenants...>', 'tenant ids')
    .addOption(
      new Option(
        '--purge-after <time>',
        'when purge may delete them: days, such as 90d, or a date (default: never)',
      ).argParser(until),
    )
    .addOption(json)
    .addHelpText(
      'after',
      examples({
        'archive acme': 'kept until it is removed',
        'archive acme bloom --purge-after 90d': 'then purge deletes them',
      }),
    )
    .action(async (ids, { purgeAfter: retainUntil }, command) => {
      await withApplication(command, async ({ tenancy }) => {
        await changeEach(ids, command.optsWithGlobals(), (id) => tenancy.tenants.archive(id, defined({ retainUntil })));
      });
    });
}

const dayMs = 86_400_000;

function until(value: string): Date {
  const [, days] = /^(\d{1,5})d$/.exec(value) ?? [];
  if (days !== undefined) return new Date(Date.now() + Number(days) * dayMs);
  const date = new Date(value);
  if (/^\d{4}-\d{2}-\d{2}/.test(value) && Number.isFinite(date.getTime())) return date;
  throw new InvalidArgumentError('It must be a number of days, such as 90d, or a date, such as 2030-12-31.');
}
