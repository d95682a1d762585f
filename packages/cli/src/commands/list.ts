import type { Domain, Tenant, TenantStatus } from '@omnitenant/core';
import type { OmnitenantConfig } from '../application/config.ts';
import { defined } from '../application/defined.ts';
import { csv, isolation, json, limit, status } from '../application/options.ts';
import { placementLabel, styleOf, summaryOf } from '../application/tenant-summary.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { note } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { type Column, type Format, printRows } from '../terminal/table.ts';

export function list(program: Program): void {
  program
    .command('list')
    .summary('list tenants')
    .description('Lists tenants.')
    .addOption(status)
    .addOption(isolation)
    .option('--search <text>', 'only tenants with this text in their id or name')
    .option('--domains', 'also show the domains of each tenant, the primary one first')
    .option('--summary', 'one line per status and isolation instead of one per tenant')
    .addOption(limit)
    .option('--after <id>', 'start after this tenant, the last one of an earlier list')
    .addOption(json)
    .addOption(csv)
    .addHelpText(
      'after',
      examples({
        list: 'all tenants',
        'list --limit 20 --after acme': 'the next 20',
        'list --domains': 'with their domains',
        'list --summary': 'how many there are of each',
        'list --status archived': 'with the day after which purge deletes them',
        'list --isolation database --csv > tenants.csv': 'for a spreadsheet',
        "list --json | jq -r '.[].id'": 'for a program',
      }),
    )
    .action(async ({ json, csv, domains, summary, ...wish }, command) => {
      const format = { json, csv };
      await withApplication(command, async ({ tenancy, orm }) => {
        const { found, isAll } = await find(tenancy.tenants, wish);
        if (summary) await printRows(counted(found), countColumns, format);
        else if (domains) await listWithDomains(found, orm.store, format);
        else await printRows(found, columnsFor(found), format, summaryOf);
        if (!json && !csv) note(totalOf(found, isAll));
      });
    });
}

/** `3 tenants: 2 active, 1 suspended`, and how to see the rest. */
function totalOf(found: readonly Tenant[], isAll: boolean): string {
  const count = found.length === 1 ? '1 tenant' : `${found.length} tenants`;
  const counts = [...Map.groupBy(found, ({ status }) => status)].map(([status, { length }]) => `${length} ${status}`);
  const parts = counts.length > 1 ? `${count}: ${counts.join(', ')}` : count;
  return isAll ? parts : `${parts}. There are more: --after ${found.at(-1)?.id}`;
}

interface WithDomains {
  readonly tenant: Tenant;
  readonly domains: readonly Domain[];
}

/** How many tenants' domains are read at a time. */
const readsAtATime = 8;

async function listWithDomains(
  found: readonly Tenant[],
  store: OmnitenantConfig['orm']['store'],
  format: Format,
): Promise<void> {
  const rows: WithDomains[] = [];
  for (let n = 0; n < found.length; n += readsAtATime) {
    const some = found.slice(n, n + readsAtATime);
    rows.push(
      ...(await Promise.all(some.map(async (tenant) => ({ tenant, domains: await domainsOf(store, tenant) })))),
    );
  }
  await printRows(rows, domainColumns, format, ({ tenant, domains }) => ({
    ...summaryOf(tenant),
    domains: domains.map(({ host, primary }) => ({ host, primary })),
  }));
}

async function domainsOf(store: OmnitenantConfig['orm']['store'], { id }: Tenant): Promise<readonly Domain[]> {
  return (await store.domains(id)).toSorted((a, b) => Number(b.primary) - Number(a.primary));
}

interface Counted {
  readonly status: TenantStatus;
  readonly isolation: string;
  readonly tenants: number;
}

function counted(found: readonly Tenant[]): readonly Counted[] {
  const groups = Map.groupBy(found, ({ status, isolation }) => `${status} ${isolation}`);
  return [...groups.values()]
    .flatMap((all) => all.slice(0, 1).map(({ status, isolation }) => ({ status, isolation, tenants: all.length })))
    .sort((a, b) => b.tenants - a.tenants);
}

interface Wish {
  readonly search?: string | undefined;
  readonly after?: string | undefined;
  readonly limit?: number | undefined;
  readonly status?: TenantStatus | undefined;
  readonly isolation?: string | undefined;
}

async function find(
  tenants: OmnitenantConfig['tenancy']['tenants'],
  { search, after = '', limit = Number.POSITIVE_INFINITY, ...filter }: Wish,
): Promise<{ readonly found: readonly Tenant[]; readonly isAll: boolean }> {
  const found: Tenant[] = [];
  for await (const tenant of tenants.all(defined(filter))) {
    if (tenant.id <= after || !contains(tenant, search)) continue;
    if (found.length === limit) return { found, isAll: false };
    found.push(tenant);
  }
  return { found, isAll: true };
}

const columns: readonly Column<Tenant>[] = [
  { name: 'id', value: ({ id }) => id, style: () => 'bold' },
  { name: 'name', value: ({ name }) => name },
  { name: 'status', value: ({ status }) => status, style: styleOf },
  { name: 'isolation', value: ({ isolation }) => isolation },
  { name: 'placement', value: placementLabel },
  { name: 'created', value: ({ createdAt }) => createdAt.toISOString().slice(0, 10) },
];

/** When they may be purged is shown where any of them may be. */
function columnsFor(found: readonly Tenant[]): readonly Column<Tenant>[] {
  if (!found.some(({ retainUntil }) => retainUntil)) return columns;
  return [
    ...columns,
    { name: 'purged after', value: ({ retainUntil }) => retainUntil?.toISOString().slice(0, 10) ?? '' },
  ];
}

const domainColumns: readonly Column<WithDomains>[] = [
  ...columns.map(({ name, value, style }) => ({
    name,
    value: ({ tenant }: WithDomains) => value(tenant),
    style: ({ tenant }: WithDomains) => style?.(tenant),
  })),
  { name: 'domains', value: ({ domains }) => domains.map(({ host }) => host).join(', ') },
];

const countColumns: readonly Column<Counted>[] = [
  { name: 'tenants', value: ({ tenants }) => tenants, style: () => 'bold' },
  { name: 'status', value: ({ status }) => status, style: styleOf },
  { name: 'isolation', value: ({ isolation }) => isolation },
];

function contains({ id, name }: Tenant, text = ''): boolean {
  return `${id}\n${name}`.toLowerCase().includes(text.toLowerCase());
}
