import { confirm } from '../application/options.ts';
import { removalWarning } from '../application/tenant-summary.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { interruptible } from '../terminal/interruptible.ts';
import { print } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { askForId } from '../terminal/prompts.ts';

export function remove(program: Program): void {
  program
    .command('remove')
    .summary('delete a tenant and all its data')
    .description('Deletes a tenant and all its data. It asks for the id first.')
    .argument('<tenant>', 'tenant id')
    .addOption(confirm)
    .addHelpText('after', examples({ 'remove acme': 'asks', 'remove acme --confirm acme': 'in a script' }))
    .action(async (id, _, command) => {
      await withApplication(command, async ({ tenancy }) => {
        const tenant = await tenancy.tenants.get(id);
        await askForId(command.optsWithGlobals(), id, removalWarning(tenant));
        await interruptible(`To continue, run: omnitenant remove ${id}`, () => tenancy.tenants.remove(id));
        print(`removed "${id}"`);
      });
    });
}
