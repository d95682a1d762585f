import { confirm } from '../application/options.ts';
import { seederOption, seedersOf, seedIn } from '../application/seeders.ts';
import { outcome, removalWarning } from '../application/tenant-summary.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { interruptible } from '../terminal/interruptible.ts';
import { say } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { askForId } from '../terminal/prompts.ts';

export function fresh(program: Program): void {
  program
    .command('fresh')
    .summary('delete all data of a tenant and create its tables again')
    .description(
      'Deletes all data of a tenant and creates its tables again, with all migrations. Its record and domains stay. It asks for the id first.',
    )
    .argument('<tenant>', 'tenant id')
    .option('--seed', 'then run a seeder, as seed does')
    .addOption(seederOption())
    .addOption(confirm)
    .addHelpText(
      'after',
      examples({
        'fresh acme': 'asks',
        'fresh demo --seed --confirm demo': 'in a script, for a demo tenant',
      }),
    )
    .action(async (id, { seed = false, class: named }, command) => {
      await withApplication(command, async ({ tenancy, orm }) => {
        // A seeder that is not there must not be noticed when the data is gone.
        const seeders = seed || named.length > 0 ? await seedersOf(orm, named) : [];
        await askForId(command.optsWithGlobals(), id, removalWarning(await tenancy.tenants.get(id)));
        const again = `To continue, run: omnitenant fresh ${id}`;
        const tenant = await interruptible(again, () => tenancy.tenants.reset(id));
        await tenancy.run(id, () => seedIn(orm, seeders));
        say(outcome(seeders.length > 0 ? 'reset and seeded' : 'reset', tenant));
      });
    });
}
