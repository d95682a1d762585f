import type { Tenant } from '@omnitenant/core';
import { confirm } from '../application/options.ts';
import { withApplication } from '../application/session.ts';
import { placeOf } from '../application/tenants.ts';
import { examples } from '../terminal/examples.ts';
import { interruptible } from '../terminal/interruptible.ts';
import { plain, print } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { askForId } from '../terminal/prompts.ts';

export function remove(program: Program): void {
  program
    .command('remove')
    .summary('remove a tenant and all that it has')
    .description('Removes a tenant and all that it has. It asks for the id first.')
    .argument('<tenant>', 'its id')
    .addOption(confirm)
    .addHelpText('after', examples({ 'remove acme': 'asks', 'remove acme --confirm acme': 'in a script' }))
    .action(async (id, _, command) => {
      await withApplication(command, async ({ tenancy }) => {
        const tenant = await tenancy.tenants.get(id);
        await askForId(command.optsWithGlobals(), id, lossOf(tenant));
        await interruptible(`To go on: omnitenant remove ${id}`, () => tenancy.tenants.remove(id));
        print(`${id} is removed`);
      });
    });
}

/** What goes with a tenant. */
export function lossOf(tenant: Tenant): string {
  const what =
    { schema: 'the schema', database: 'the database', row: 'its rows in' }[tenant.isolation] ?? 'all it has in';
  const adopted = tenant.isolation === 'row' ? '' : ' (unless it was adopted)';
  return `"${plain(tenant.name)}" is removed, and with it ${what} ${placeOf(tenant)}, for good${adopted}.`;
}
