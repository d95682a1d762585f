import type { Domain } from '@omnitenant/core';
import type { TenantMigrations } from '@omnitenant/orm';
import { json } from '../application/options.ts';
import { withApplication } from '../application/session.ts';
import { placeOf, styleOf } from '../application/tenants.ts';
import { examples } from '../terminal/examples.ts';
import { masked } from '../terminal/masked.ts';
import type { Program } from '../terminal/program.ts';
import { printFields, printJson } from '../terminal/table.ts';
import { summaryOf } from './list.ts';

export function show(program: Program): void {
  program
    .command('show')
    .summary('all about a tenant')
    .description('All about a tenant; what looks like a credential is masked.')
    .argument('<tenant>', 'its id')
    .addOption(json)
    .addHelpText('after', examples({ 'show acme': 'its status, place, domains, migrations and columns' }))
    .action(async (id, options, command) => {
      await withApplication(command, async ({ tenancy, orm }) => {
        const tenant = await tenancy.tenants.get(id);
        const domains = await tenancy.tenants.domains(id);
        let migrations: TenantMigrations | undefined;
        for await (const found of orm.migrations.status({ tenants: [id] })) migrations = found;
        const { config, ...own } = masked(tenant) as typeof tenant;
        if (options.json) {
          return printJson({
            ...own,
            config,
            domains: domains.map(({ host, primary }) => ({ host, primary })),
            migrations: migrations && { last: migrations.last, pending: migrations.pending },
          });
        }
        const known = summaryOf(tenant);
        const further = Object.entries(own).filter(([name]) => !(name in known));
        printFields(
          {
            id,
            name: tenant.name,
            status: tenant.status,
            isolation: tenant.isolation,
            place: placeOf(tenant),
            role: tenant.placement.role,
            domains: domains
              .toSorted(primaryFirst)
              .map(({ host, primary }) => (primary ? `${host} (primary)` : host))
              .join(', '),
            'last migration': migrations?.last,
            pending: migrations?.pending?.join(', '),
            config: Object.keys(config).length > 0 ? config : undefined,
            ...Object.fromEntries(further),
            created: tenant.createdAt,
            updated: tenant.updatedAt,
          },
          { id: 'bold', status: styleOf(tenant), pending: 'yellow' },
        );
      });
    });
}

function primaryFirst(a: Domain, b: Domain): number {
  return Number(b.primary) - Number(a.primary);
}
