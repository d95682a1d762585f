import type { Domain } from '@omnitenant/core';
import { csv, json } from '../application/options.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { UsageError } from '../terminal/failure.ts';
import { say } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { type Column, printRows } from '../terminal/table.ts';
import { domainClaims } from './domain-claims.ts';

export function domains(program: Program): void {
  const command = program
    .command('domains')
    .helpCommand(false)
    .summary('list, add, remove and prove the domains of a tenant')
    .description('Lists, adds and removes the domains of a tenant, and has customers prove their own.');

  command
    .command('list')
    .description('Lists the domains of a tenant.')
    .argument('<tenant>', 'tenant id')
    .addOption(json)
    .addOption(csv)
    .addHelpText('after', examples({ 'domains list acme': 'the domains of the tenant "acme"' }))
    .action(async (id, format, sub) => {
      await withApplication(sub, async ({ tenancy }) => printRows(await tenancy.tenants.domains(id), columns, format));
    });

  command
    .command('add')
    .description('Adds a domain to a tenant.')
    .argument('<tenant>', 'tenant id')
    .argument('<host>', 'such as shop.example.com')
    .option('--primary', 'make it the primary domain')
    .addHelpText('after', examples({ 'domains add acme acme.com --primary': 'its new primary domain' }))
    .action(async (id, host, { primary = false }, sub) => {
      await withApplication(sub, async ({ tenancy }) => {
        const domain = await tenancy.tenants.addDomain(id, host, { primary });
        say(`added ${domain.host} to "${id}"`);
      });
    });

  command
    .command('remove')
    .description('Removes a domain from a tenant.')
    .argument('<tenant>', 'tenant id')
    .argument('<host>', 'the domain')
    .addHelpText('after', examples({ 'domains remove acme old.acme.com': 'other tenants can use it again' }))
    .action(async (id, host, _, sub) => {
      await withApplication(sub, async ({ tenancy }) => {
        const before = await tenancy.tenants.domains(id);
        await tenancy.tenants.removeDomain(id, host);
        const after = await tenancy.tenants.domains(id);
        if (after.length === before.length) {
          throw new UsageError(`${host} is not a domain of tenant "${id}"; nothing was changed.`);
        }
        say(`removed ${host} from "${id}"`);
      });
    });

  domainClaims(command);
}

const columns: readonly Column<Domain>[] = [
  { name: 'host', value: ({ host }) => host, style: () => 'bold' },
  { name: 'primary', value: ({ primary }) => (primary ? 'yes' : 'no') },
];
