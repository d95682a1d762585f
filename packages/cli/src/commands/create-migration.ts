import { relative } from 'node:path';
import { defined } from '../application/defined.ts';
import { json } from '../application/options.ts';
import { warningText } from '../application/planned-migrations.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { print } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { printJson } from '../terminal/table.ts';

export function createMigration(program: Program): void {
  program
    .command('migration:create')
    .summary('write a migration from the entities')
    .description(
      'Writes a migration with the changes to the entities since the last one. It does not connect to a database.',
    )
    .argument('[name]', 'added to the file name')
    .option('--blank', 'an empty migration, to write by hand')
    .option('--central', 'for the central and shared entities')
    .addOption(json)
    .addHelpText(
      'after',
      examples({
        'migration:create add-task-done': 'from the entities',
        'migration:create seed --blank': 'an empty migration',
      }),
    )
    .action(async (name, { blank = false, central, json: asJson }, command) => {
      await withApplication(command, async ({ orm: { migrations } }) => {
        const created = await (central ? migrations.central : migrations).create({ blank, ...defined({ name }) });
        if (asJson) return printJson(created);
        if (created.path === undefined) {
          return print('The entities have not changed since the last migration; nothing was written.');
        }
        print(`wrote ${relative(process.cwd(), created.path)}`);
        for (const statement of created.up) print(`  ${statement}`);
        for (const warning of created.warnings) print(warningText(warning));
      });
    });
}
