import {
  columns,
  database,
  domain,
  isolation,
  json,
  name,
  schema,
  server,
  tenantConfig,
  url,
} from '../application/options.ts';
import { withApplication } from '../application/session.ts';
import { outcome, tenantInput } from '../application/tenant-input.ts';
import { examples } from '../terminal/examples.ts';
import { interruptible } from '../terminal/interruptible.ts';
import { paint, print } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { printJson } from '../terminal/table.ts';
import { summaryOf } from './list.ts';

export function adopt(program: Program): void {
  program
    .command('adopt')
    .summary('make a tenant of what is there already')
    .description('Makes a tenant of a schema or database that is there already, with what it has.')
    .argument('<id>', 'the id that it gets')
    .option('--at <migration>', 'the last migration that it has; what came after is applied')
    .addOption(name)
    .addOption(isolation)
    .addOption(domain)
    .addOption(server)
    .addOption(url)
    .addOption(database)
    .addOption(schema)
    .addOption(tenantConfig)
    .addOption(columns)
    .addOption(json)
    .addHelpText(
      'after',
      examples({
        'adopt acme --schema old_acme --at Migration20260105CreateTracker': 'a schema of the central database',
        'adopt acme --isolation database --database acme_prod': 'a database, whose own log says what it has',
      }),
    )
    .action(async (id, { at, ...options }, command) => {
      await withApplication(command, async ({ tenancy }) => {
        const afterwards = `If it is left unfinished: omnitenant repair ${id} --clear; what it adopted stays.`;
        const tenant = await interruptible(afterwards, () =>
          tenancy.tenants.adopt(tenantInput(id, options), at === undefined ? {} : { at }),
        );
        if (options.json) printJson(summaryOf(tenant));
        else print(outcome(paint('green', 'adopted'), tenant));
      });
    });
}
