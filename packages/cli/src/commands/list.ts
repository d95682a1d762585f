import type { Tenant, TenantStatus } from '@omnitenant/core';
import type { OmnitenantConfig } from '../application/config.ts';
import { defined } from '../application/defined.ts';
import { csv, isolation, json, limit, status } from '../application/options.ts';
import { placementLabel, styleOf, summaryOf } from '../application/tenant-summary.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { note } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { type Column, printRows } from '../terminal/table.ts';

export function list(program: Program): void {
  program
    .command('list')
    .summary('list tenants')
    .description('Lists tenants.')
    .addOption(status)
    .addOption(isolation)
    .option('--search <text>', 'only tenants with this text in their id or name')
    .addOption(limit)
    .addOption(json)
    .addOption(csv)
    .addHelpText(
      'after',
      examples({
        list: 'all tenants',
        'list --limit 20': 'the first 20',
        'list --status suspended': 'only suspended tenants',
        'list --isolation database --csv > tenants.csv': 'for a spreadsheet',
        "list --json | jq -r '.[].id'": 'for a program',
      }),
    )
    .action(async ({ json, csv, ...wish }, command) => {
      await withApplication(command, async ({ tenancy }) => {
        const { found, isAll } = await find(tenancy.tenants, wish);
        printRows(found, columns, { json, csv }, summaryOf);
        if (json || csv) return;
        const count = found.length === 1 ? '1 tenant' : `${found.length} tenants`;
        note(isAll ? count : `The first ${count}; there are more.`);
      });
    });
}

interface Wish {
  readonly search?: string | undefined;
  readonly limit?: number | undefined;
  readonly status?: TenantStatus | undefined;
  readonly isolation?: string | undefined;
}

async function find(
  tenants: OmnitenantConfig['tenancy']['tenants'],
  { search, limit = Number.POSITIVE_INFINITY, ...filter }: Wish,
): Promise<{ readonly found: readonly Tenant[]; readonly isAll: boolean }> {
  const found: Tenant[] = [];
  for await (const tenant of tenants.all(defined(filter))) {
    if (!contains(tenant, search)) continue;
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

function contains({ id, name }: Tenant, text = ''): boolean {
  return `${id}\n${name}`.toLowerCase().includes(text.toLowerCase());
}
