import type { Purge } from '@omnitenant/core';
import { json } from '../application/options.ts';
import { someTenants } from '../application/tenant-summary.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { exitCodes, sentenceOf } from '../terminal/failure.ts';
import { interruptible } from '../terminal/interruptible.ts';
import { print, say, warn } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { askConsent } from '../terminal/prompts.ts';
import { printJson } from '../terminal/table.ts';

export function purge(program: Program): void {
  program
    .command('purge')
    .summary('delete archived tenants whose retention has ended')
    .description('Deletes archived tenants, and all their data, whose retention has ended. It asks first.')
    .option('--dry-run', 'only show which tenants are due')
    .option('--yes', 'do not ask')
    .addOption(json)
    .addHelpText(
      'after',
      examples({ 'purge --dry-run': 'shows them', purge: 'asks', 'purge --yes --json': 'in a script' }),
    )
    .action(async ({ dryRun = false, yes = false, json: asJson = false }, command) => {
      await withApplication(command, async ({ tenancy }) => {
        const found = await tenancy.tenants.purge({ dryRun: true });
        const { due: tenants } = found;
        if (dryRun || tenants.length === 0) {
          show(found, asJson, true);
          return;
        }
        if (!yes) {
          warn(`This permanently deletes ${someTenants(tenants)} and all their data.`);
          await askConsent(command.optsWithGlobals(), { message: 'Delete them?', instead: '--yes' });
        }
        const result = await interruptible('To continue, run: omnitenant purge', (signal) =>
          // No tenant that was not shown.
          tenancy.tenants.purge({ tenants, signal }),
        );
        show(result, asJson, false);
        if (result.purged.length < tenants.length) process.exitCode = exitCodes.failed;
      });
    });
}

function show({ due, purged, failed }: Purge, asJson: boolean, dryRun: boolean): void {
  const failures = failed.map(({ tenant, error }) => ({ tenant, error: sentenceOf(error) }));
  if (asJson) {
    printJson({ due, purged, failed: failures });
    return;
  }
  for (const { tenant, error } of failures) warn(`${tenant}: ${error}`);
  if (due.length === 0) say('no archived tenant is due');
  else if (dryRun) print(`due: ${due.join(', ')}`);
  else say(`purged ${purged.length} of ${due.length}${purged.length > 0 ? `: ${purged.join(', ')}` : ''}`);
}
