import { relative } from 'node:path';
import { json } from '../application/options.ts';
import { withApplication } from '../application/session.ts';
import { examples } from '../terminal/examples.ts';
import { print } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { printJson } from '../terminal/table.ts';

export function createMigration(program: Program): void {
  program
    .command('migration:create')
    .summary('write a migration from the entities')
    .description('Writes a migration from what the entities have become since the last one. No database is asked.')
    .argument('[name]', "becomes part of the file's name")
    .option('--blank', 'an empty one, to write by hand')
    .option('--central', 'for the central and shared entities')
    .addOption(json)
    .addHelpText(
      'after',
      examples({
        'migration:create add-task-done': 'from the entities',
        'migration:create seed --blank': 'an empty one',
      }),
    )
    .action(async (name, { blank = false, central, json: asJson }, command) => {
      await withApplication(command, async ({ orm: { migrations } }) => {
        const created = await (central ? migrations.central : migrations).create({ blank, ...(name && { name }) });
        if (asJson) return printJson(created);
        if (created.path === undefined)
          return print('The entities are as the last migration left them; nothing is written.');
        print(`wrote ${relative(process.cwd(), created.path)}`);
        for (const statement of created.up) print(`  ${statement}`);
      });
    });
}
