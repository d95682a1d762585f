import type { Domain } from '@omnitenant/core';
import { csv, json } from '../application/options.ts';
import { withApplication } from '../application/session.ts';
import { examples } from '../terminal/examples.ts';
import { UsageError } from '../terminal/failure.ts';
import { print } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { type Column, printRows } from '../terminal/table.ts';

export function domains(program: Program): void {
  const command = program
    .command('domains')
    .helpCommand(false)
    .summary('the domains that lead to a tenant')
    .description('The domains that lead to a tenant.');

  command
    .command('list')
    .description('Its domains.')
    .argument('<tenant>', 'its id')
    .addOption(json)
    .addOption(csv)
    .addHelpText('after', examples({ 'domains list acme': 'its domains' }))
    .action(async (id, format, sub) => {
      await withApplication(sub, async ({ tenancy }) => printRows(await tenancy.tenants.domains(id), columns, format));
    });

  command
    .command('add')
    .description('Leads a domain to a tenant.')
    .argument('<tenant>', 'its id')
    .argument('<host>', 'such as shop.example.com')
    .option('--primary', 'in the place of the one that was primary')
    .addHelpText('after', examples({ 'domains add acme acme.com --primary': 'its new primary domain' }))
    .action(async (id, host, { primary = false }, sub) => {
      await withApplication(sub, async ({ tenancy }) => {
        const domain = await tenancy.tenants.addDomain(id, host, { primary });
        print(`${domain.host} leads to ${id}`);
      });
    });

  command
    .command('remove')
    .description('Takes a domain away from a tenant.')
    .argument('<tenant>', 'its id')
    .argument('<host>', 'the domain')
    .addHelpText('after', examples({ 'domains remove acme old.acme.com': 'that domain is free again' }))
    .action(async (id, host, _, sub) => {
      await withApplication(sub, async ({ tenancy }) => {
        const before = await tenancy.tenants.domains(id);
        await tenancy.tenants.removeDomain(id, host);
        const after = await tenancy.tenants.domains(id);
        if (after.length === before.length) throw new UsageError(`${host} does not lead to ${id}; nothing was done.`);
        print(`${host} leads to ${id} no more`);
      });
    });
}

const columns: readonly Column<Domain>[] = [
  { name: 'host', value: ({ host }) => host, style: () => 'bold' },
  { name: 'primary', value: ({ primary }) => (primary ? 'yes' : 'no') },
];
