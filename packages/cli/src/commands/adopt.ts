import { defined } from '../application/defined.ts';
import { newTenantCommand } from '../application/options.ts';
import { tenantInput } from '../application/tenant-input.ts';
import { outcome, summaryOf } from '../application/tenant-summary.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { interruptible } from '../terminal/interruptible.ts';
import { say } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { printJson } from '../terminal/table.ts';

export function adopt(program: Program): void {
  newTenantCommand(program, 'adopt')
    .summary('turn an existing schema or database into a tenant')
    .description('Turns an existing schema or database into a tenant and keeps its data.')
    .argument('<id>', 'the id of the new tenant')
    .option('--at <migration>', 'the last migration that it already has; later ones are applied')
    .addHelpText(
      'after',
      examples({
        'adopt acme --schema old_acme --at Migration20260105CreateTracker': 'a schema of the central database',
        'adopt acme --isolation database --database acme_prod': 'a database with its own migration log',
      }),
    )
    .action(async (id, { at, json, ...options }, command) => {
      await withApplication(command, async ({ tenancy }) => {
        const afterwards = `If the tenant is incomplete, run: omnitenant repair ${id} --clear (its data is kept)`;
        const tenant = await interruptible(afterwards, () =>
          tenancy.tenants.adopt(tenantInput(id, options), defined({ at })),
        );
        if (json) printJson(summaryOf(tenant));
        else say(outcome('adopted', tenant));
      });
    });
}
