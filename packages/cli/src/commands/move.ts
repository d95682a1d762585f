import type { MoveStep } from '@omnitenant/core';
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
      'Moves the data of a tenant to another isolation, database or server. The tenant can be read meanwhile.',
    )
    .argument('<tenant>', 'tenant id')
    .addOption(isolation)
    .addOption(server)
    .addOption(url)
    .addOption(database)
    .addOption(schema)
    .option('--resume', 'continue an interrupted move')
    .option('--undo', 'undo an interrupted move: keep the tenant in its old place')
    .addOption(json)
    .addHelpText(
      'after',
      examples({
        'move acme --isolation database --server eu': 'its own database, on the server "eu"',
        'move acme --resume': 'after it was interrupted',
        'move acme --undo': 'the tenant stays where it is',
      }),
    )
    .action(async (id, { isolation: to, resume, undo, json: asJson, ...place }, command) => {
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
      await withApplication(command, async ({ tenancy: { tenants } }) => {
        const moved = await interruptible(`To continue, run: omnitenant move ${id} --resume`, (signal) => {
          if (undo) return tenants.undoMove(id);
          const onProgress = ({ step }: { readonly step: MoveStep }) => asJson || note(words[step]);
          return tenants.move(id, resume ? undefined : { isolation: to, placement }, { signal, onProgress });
        });
        if (asJson) printJson({ id, isolation: moved.isolation, placement: withoutUrl(moved.placement) });
        else say(outcome(undo ? 'left' : 'moved', moved));
      });
    });
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
