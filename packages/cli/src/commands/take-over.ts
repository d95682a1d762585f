import { defined } from '../application/defined.ts';
import { json } from '../application/options.ts';
import { postgreSqlPart } from '../application/postgresql-part.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { print, say } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { printJson } from '../terminal/table.ts';

export function takeOver(program: Program): void {
  program
    .command('take-over')
    .summary('share the tables of an existing schema')
    .description(
      'Protects the tables of an existing schema, with their rows, so that tenants of isolation row can share them. It is all or nothing.',
    )
    .option('--schema <name>', 'schema to take over (default: the shared schema of new tenants)')
    .option('--database <name>', "its database (default: central's)")
    .option('--server <name>', 'its server')
    .option('--rows-of <tenant>', 'id of the tenant that gets the rows without a tenant')
    .addOption(json)
    .addHelpText(
      'after',
      examples({
        'take-over': 'tenants of an earlier version, or tables that something else has changed',
        'take-over --schema app --rows-of acme': 'tables from before the application had tenants',
      }),
    )
    .action(async ({ json: asJson, ...options }, command) => {
      await withApplication(command, async ({ orm }) => {
        const taken = await postgreSqlPart(orm, 'sharedTables').takeOver(defined(options));
        if (asJson) return printJson(taken);
        const { schema, tenants, unclaimed } = taken;
        say(`The tables of the schema "${schema}" are protected.`);
        if (tenants.length > 0) print(`Served from now on: ${tenants.join(', ')}`);
        for (const id of unclaimed) say(`There are rows of "${id}". Run: omnitenant adopt ${id} --isolation row`);
      });
    });
}
