import { Option } from '@commander-js/extra-typings';
import type { MoveProgress, MoveStep } from '@omnitenant/core';
import { defined } from '../application/defined.ts';
import { database, isolation, json, schema, server, url } from '../application/options.ts';
import { outcome } from '../application/tenant-summary.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { UsageError } from '../terminal/failure.ts';
import { interruptible } from '../terminal/interruptible.ts';
import { note, say } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { printJson } from '../terminal/table.ts';

export function move(program: Program): void {
  program
    .command('move')
    .summary('move a tenant to another isolation, database or server')
    .description(
      'Moves the data of a tenant to another isolation, database or server. The tenant can be read meanwhile, and written to where its server has wal_level = logical.',
    )
    .argument('<tenant>', 'tenant id')
    .addOption(isolation)
    .addOption(server)
    .addOption(url)
    .addOption(database)
    .addOption(schema)
    .option('--resume', 'continue an interrupted move')
    .option('--undo', 'undo an interrupted move: keep the tenant in its old place')
    .option('--forget', 'with --undo: give up a place that cannot be reached, for example on a lost server')
    .addOption(
      new Option('--online <when>', 'whether it can be written to while it is copied')
        .choices(['auto', 'required', 'never'])
        .default('auto' as const),
    )
    .addOption(json)
    .addHelpText(
      'after',
      examples({
        'move acme --isolation database --server eu': 'its own database, on the server "eu"',
        'move acme --resume': 'after it was interrupted',
        'move acme --undo': 'the tenant stays where it is',
        'move acme --undo --forget': 'the same if the server of the new place is gone',
      }),
    )
    .action(async (id, { isolation: to, resume, undo, forget, online, json: asJson, ...place }, command) => {
      const placement = defined({
        server: place.server,
        url: place.url,
        database: place.database,
        schema: place.schema,
      });
      const isSaid = to !== undefined || Object.keys(placement).length > 0;
      if ([isSaid, resume, undo].filter(Boolean).length !== 1) {
        throw new UsageError('Pass a destination, such as --isolation or --server, or pass --resume or --undo.');
      }
      if (forget && !undo) throw new UsageError('--forget is for --undo.');
      await withApplication(command, async ({ tenancy: { tenants } }) => {
        let report: Partial<MoveProgress> = {};
        const moved = await interruptible(`To continue, run: omnitenant move ${id} --resume`, (signal) => {
          if (undo) return tenants.undoMove(id, { forget });
          const onProgress = (progress: MoveProgress) => {
            report = progress;
            if (!asJson) note(inWords(progress));
          };
          return tenants.move(id, resume ? undefined : { isolation: to, placement }, { signal, onProgress, online });
        });
        const { step: _, changedRows: __, ...outcomeOfMove } = report;
        if (asJson)
          printJson({ id, isolation: moved.isolation, placement: withoutUrl(moved.placement), ...outcomeOfMove });
        else say(outcome(undo ? 'left' : 'moved', moved));
      });
    });
}

function inWords({ step, online, whyNotOnline, changedRows, readOnlyMs }: MoveProgress): string {
  if (step === 'create' && online === false)
    return `${words.create}; it can only be read while it is copied, as ${whyNotOnline}`;
  if (step === 'copy' && changedRows !== undefined) return `copied ${changedRows} rows that were changed meanwhile`;
  if (step === 'copy' && online) return 'copying; it can be written to meanwhile';
  if (step === 'drop' && readOnlyMs !== undefined) return `${words.drop}; writes were refused for ${readOnlyMs} ms`;
  return words[step];
}

const words: Readonly<Record<MoveStep, string>> = {
  create: 'creating its new storage',
  seal: 'waiting for writers; from here on it can only be read',
  copy: 'copying',
  switch: 'switching',
  drop: 'deleting its old storage',
};

/** Credentials are not shown, sealed or not. */
function withoutUrl({ url: _, ...placement }: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return placement;
}
