import { confirm } from '../application/options.ts';
import { outcome, removalWarning } from '../application/tenant-summary.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { interruptible } from '../terminal/interruptible.ts';
import { say } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { askForId } from '../terminal/prompts.ts';

export function repair(program: Program): void {
  program
    .command('repair')
    .summary('complete or delete an incomplete tenant')
    .description('Completes a tenant that failed or was interrupted during creation, or deletes it with --clear.')
    .argument('<tenant>', 'tenant id')
    .option('--clear', 'delete the tenant instead')
    .addOption(confirm)
    .addHelpText(
      'after',
      examples({
        'repair acme': 'recreates its storage and activates it',
        'repair acme --clear': 'deletes it',
      }),
    )
    .action(async (id, { clear = false }, command) => {
      await withApplication(command, async ({ tenancy }) => {
        if (clear) await askForId(command.optsWithGlobals(), id, removalWarning(await tenancy.tenants.get(id)));
        const again = `To continue, run: omnitenant repair ${id}${clear ? ' --clear' : ''}`;
        const tenant = await interruptible(again, () => tenancy.tenants.repair(id, { clear }));
        say(tenant === undefined ? `cleared "${id}"` : outcome('repaired', tenant));
      });
    });
}
