import { type Domain, TenancyError, type Tenant } from '@omnitenant/core';
import type { TenantMigrations } from '@omnitenant/orm';
import type { OmnitenantConfig } from '../application/config.ts';
import { json } from '../application/options.ts';
import { placementLabel, styleOf, summaryOf } from '../application/tenant-summary.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { masked } from '../terminal/masked.ts';
import type { Program } from '../terminal/program.ts';
import { printFields, printJson } from '../terminal/table.ts';

export function show(program: Program): void {
  program
    .command('show')
    .summary('show the details of a tenant')
    .description('Shows the details of a tenant. Values that look like credentials are masked.')
    .argument('<tenant>', 'tenant id, or one of its domains')
    .addOption(json)
    .addHelpText(
      'after',
      examples({
        'show acme': 'its status, placement, domains, migrations and columns',
        'show shop.acme.com': 'the tenant that has this domain',
      }),
    )
    .action(async (named, options, command) => {
      await withApplication(command, async ({ tenancy, orm }) => {
        const tenant = await find(tenancy.tenants, named);
        const { id } = tenant;
        const details = {
          tenant,
          domains: await tenancy.tenants.domains(id),
          migrations: await migrationsOf(orm, id),
        };
        if (options.json) printJson(jsonOf(details));
        else printFields(fieldsOf(details), { id: 'bold', status: styleOf(details.tenant), pending: 'yellow' });
      });
    });
}

/** No id of a tenant has a dot. */
async function find(tenants: OmnitenantConfig['tenancy']['tenants'], named: string): Promise<Tenant> {
  if (!named.includes('.')) return tenants.get(named);
  const found = await tenants.findByDomain(named);
  if (found === undefined) throw new TenancyError('TENANT_UNKNOWN', `No tenant has the domain "${named}".`);
  return found;
}

interface Details {
  readonly tenant: Tenant;
  readonly domains: readonly Domain[];
  readonly migrations: TenantMigrations | undefined;
}

async function migrationsOf(
  { migrations }: OmnitenantConfig['orm'],
  id: string,
): Promise<TenantMigrations | undefined> {
  for await (const found of migrations.status({ tenants: [id] })) return found;
  return undefined;
}

function jsonOf({ tenant, domains, migrations }: Details): object {
  return {
    ...(masked(tenant) as Tenant),
    domains: domains.map(({ host, primary }) => ({ host, primary })),
    migrations: migrations && { last: migrations.last, pending: migrations.pending },
  };
}

function fieldsOf({ tenant, domains, migrations }: Details): Record<string, unknown> {
  const { config, ...columns } = masked(tenant) as Tenant;
  const known = summaryOf(tenant);
  return {
    id: tenant.id,
    name: tenant.name,
    status: tenant.status,
    isolation: tenant.isolation,
    placement: placementLabel(tenant),
    role: tenant.placement.role,
    domains: domains.toSorted(primaryFirst).map(domainText).join(', '),
    'last migration': migrations?.last,
    pending: migrations?.pending?.join(', '),
    config: Object.keys(config).length > 0 ? config : undefined,
    ...Object.fromEntries(Object.entries(columns).filter(([name]) => !(name in known))),
    created: tenant.createdAt,
    updated: tenant.updatedAt,
  };
}

function domainText({ host, primary }: Domain): string {
  return primary ? `${host} (primary)` : host;
}

function primaryFirst(a: Domain, b: Domain): number {
  return Number(b.primary) - Number(a.primary);
}
