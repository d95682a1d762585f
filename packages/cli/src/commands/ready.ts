import type { ReadyStock } from '@omnitenant/orm';
import { isolation, json, server, wholeNumberOption } from '../application/options.ts';
import { postgreSqlPart } from '../application/postgresql-part.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { UsageError } from '../terminal/failure.ts';
import { interruptible } from '../terminal/interruptible.ts';
import { say } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { type Column, printJson, printRows } from '../terminal/table.ts';

export function ready(program: Program): void {
  program
    .command('ready')
    .summary('create storage in advance, so that creating a tenant takes milliseconds')
    .description(
      'Shows the storage that was created in advance, creates more of it, or deletes it. The next tenants take it.',
    )
    .addOption(
      wholeNumberOption('--count <n>', 'create storage until there is this much of it, with the current migrations'),
    )
    .addOption(isolation)
    .addOption(server)
    .option('--clear', 'delete the unused storage')
    .addOption(json)
    .addHelpText(
      'after',
      examples({
        ready: 'shows what there is',
        'ready --isolation database --count 20': 'after each deployment, and from a timer',
        'ready --isolation database --clear': 'deletes it',
      }),
    )
    .action(async ({ count, clear = false, json: asJson, isolation: of, server }, command) => {
      if (clear && count !== undefined) throw new UsageError('Pass --count or --clear, not both.');
      const options = { isolation: of as ReadyStock['isolation'] | undefined, server };
      await withApplication(command, async ({ orm }) => {
        const tenants = postgreSqlPart(orm, 'ready');
        if (clear) {
          const removed = await tenants.clear(options);
          if (asJson) printJson({ removed });
          else say(`deleted ${removed}`);
        } else if (count !== undefined) {
          const filled = await interruptible('To continue, run it again.', (signal) =>
            tenants.fill({
              ...options,
              count,
              signal,
              onProgress: ({ ready: now }) => asJson || say(`${now} of ${count}`),
            }),
          );
          if (asJson) printJson(filled);
          else say(`${filled.ready} ready: made ${filled.made}, deleted ${filled.removed}`);
        } else await printRows(await tenants.stock(), columns, { json: asJson });
      });
    });
}

const columns: readonly Column<ReadyStock>[] = [
  { name: 'isolation', value: ({ isolation: of }) => of },
  { name: 'server', value: ({ server }) => server },
  { name: 'ready', value: ({ ready: count }) => count },
  { name: 'outdated', value: ({ outdated }) => outdated },
];
