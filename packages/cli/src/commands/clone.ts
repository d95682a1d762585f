import { anonymise, exportOptions, importOptions } from '../application/archive-options.ts';
import { isolation, json, server } from '../application/options.ts';
import { outcome, summaryOf } from '../application/tenant-summary.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { interruptible } from '../terminal/interruptible.ts';
import { say } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { printJson } from '../terminal/table.ts';

export function clone(program: Program): void {
  program
    .command('clone')
    .summary('copy a tenant')
    .description('Creates a tenant with all data of another one, as it is at one moment. Domains are not copied.')
    .argument('<tenant>', 'tenant id')
    .argument('<new>', 'id of the copy')
    .addOption(anonymise)
    .addOption(isolation)
    .addOption(server)
    .addOption(json)
    .addHelpText(
      'after',
      examples({
        'clone acme acme-copy': 'placed as new tenants are',
        'clone acme acme-demo --anonymise': 'without what identifies people',
        'clone acme acme-copy --isolation schema': 'of one that shares tables, where its keys are taken',
        'clone acme acme-trial --isolation database': 'in its own database',
      }),
    )
    .action(async (id, as, { json: asJson, anonymise: anonymised, ...options }, command) => {
      await withApplication(command, async (application) => {
        const { tenants } = application.tenancy;
        const how = exportOptions(application, anonymised);
        const afterwards = `If the copy is incomplete, run: omnitenant repair ${as} --clear`;
        const tenant = await interruptible(afterwards, async () => {
          const archive = await tenants.export(id, how);
          return tenants
            .import(archive, importOptions({ ...options, as }))
            .finally(() => archive.cancel().catch(() => {}));
        });
        if (asJson) printJson(summaryOf(tenant));
        else say(outcome(`copied "${id}" to`, tenant));
      });
    });
}
