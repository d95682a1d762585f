import { confirm } from '../application/options.ts';
import { withApplication } from '../application/session.ts';
import { outcome } from '../application/tenant-input.ts';
import { examples } from '../terminal/examples.ts';
import { interruptible } from '../terminal/interruptible.ts';
import { paint, print } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { askForId } from '../terminal/prompts.ts';
import { lossOf } from './remove.ts';

export function repair(program: Program): void {
  program
    .command('repair')
    .summary('finish or clear what was cut short')
    .description('Finishes a tenant that has failed, or whose making was cut short; or clears it away.')
    .argument('<tenant>', 'its id')
    .option('--clear', 'remove what is there of it instead')
    .addOption(confirm)
    .addHelpText(
      'after',
      examples({ 'repair acme': 'makes its storage anew, and finishes it', 'repair acme --clear': 'removes it' }),
    )
    .action(async (id, { clear = false }, command) => {
      await withApplication(command, async ({ tenancy }) => {
        if (clear) await askForId(command.optsWithGlobals(), id, lossOf(await tenancy.tenants.get(id)));
        const again = `To go on: omnitenant repair ${id}${clear ? ' --clear' : ''}`;
        const tenant = await interruptible(again, () => tenancy.tenants.repair(id, { clear }));
        print(tenant === undefined ? `${id} is cleared away` : outcome(paint('green', 'repaired'), tenant));
      });
    });
}
