import { confirm } from '../application/options.ts';
import { keepingWarning, removalWarning } from '../application/tenant-summary.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { sentenceOf } from '../terminal/failure.ts';
import { interruptible } from '../terminal/interruptible.ts';
import { say, warn } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { askForId } from '../terminal/prompts.ts';

export function remove(program: Program): void {
  program
    .command('remove')
    .summary('delete a tenant and all its data')
    .description('Deletes a tenant and all its data. It asks for the id first.')
    .argument('<tenant>', 'tenant id')
    .option('--keep-storage', 'keep its schema, database or rows, for adopt')
    .option('--forget', 'delete the tenant even if its data cannot be reached, for example on a lost server')
    .addOption(confirm)
    .addHelpText(
      'after',
      examples({
        'remove acme': 'asks',
        'remove acme --confirm acme': 'in a script',
        'remove acme --keep-storage': 'take it back with: adopt acme --schema t_acme',
        'remove acme --forget': 'its server or database is gone',
      }),
    )
    .action(async (id, { forget = false, keepStorage = false }, command) => {
      await withApplication(command, async ({ tenancy }) => {
        const tenant = await tenancy.tenants.get(id);
        const warning = keepStorage ? keepingWarning(tenant) : removalWarning(tenant);
        await askForId(command.optsWithGlobals(), id, warning);
        const again = `To continue, run: omnitenant remove ${id}${keepStorage ? ' --keep-storage' : ''}`;
        const { left } = await interruptible(again, () => tenancy.tenants.remove(id, { forget, keepStorage }));
        for (const { resource, error } of left) warn(`left behind in "${resource}": ${sentenceOf(error)}`);
        say(`${left.length > 0 ? 'forgot' : 'removed'} "${id}"${keepStorage ? ' and kept its storage' : ''}`);
      });
    });
}
