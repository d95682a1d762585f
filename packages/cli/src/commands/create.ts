import { askTenant } from '../application/ask-tenant.ts';
import { newTenantCommand } from '../application/options.ts';
import { tenantInput } from '../application/tenant-input.ts';
import { outcome, summaryOf } from '../application/tenant-summary.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { interruptible } from '../terminal/interruptible.ts';
import { note, say } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { printJson } from '../terminal/table.ts';

export function create(program: Program): void {
  newTenantCommand(program, 'create')
    .summary('create a tenant')
    .description('Creates a tenant with its storage and applies all migrations. Without an id, it asks for all values.')
    .argument('[id]', 'lower-case letters, digits and hyphens; it cannot be changed later')
    .option('--no-migrate', 'create no tables, and leave it under maintenance; migrate and resume it later')
    .addHelpText(
      'after',
      examples({
        create: 'asks for everything',
        "create acme --name 'Acme Inc' --domain acme.com": 'with a domain',
        'create acme --isolation database --server eu': 'with its own database on the server "eu"',
        'create acme --isolation database --url env:ACME_URL': 'on a dedicated server',
        'create acme --no-migrate': 'to restore a dump into its storage',
        'create acme --columns \'{"plan":"pro"}\'': 'with your own columns',
      }),
    )
    .action(async (given, { json, migrate, ...options }, command) => {
      await withApplication(command, async (application) => {
        const { id, ...answers } =
          given === undefined
            ? await askTenant({ ...options, ...command.optsWithGlobals() }, application)
            : { id: given, ...options };
        const afterwards = `If the tenant is incomplete, run: omnitenant repair ${id}`;
        const tenant = await interruptible(afterwards, () =>
          application.tenancy.tenants.create(tenantInput(id, answers), { migrate }),
        );
        if (json) printJson(summaryOf(tenant));
        else say(outcome('created', tenant));
        if (!migrate) note(`It has no tables. Run: omnitenant migrate ${id}, then: omnitenant resume ${id}`);
      });
    });
}
