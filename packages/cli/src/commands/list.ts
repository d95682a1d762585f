import type { Tenant } from '@omnitenant/core';
import { defined } from '../application/defined.ts';
import { csv, isolation, json, status } from '../application/options.ts';
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
    .addOption(json)
    .addOption(csv)
    .addHelpText(
      'after',
      examples({
        list: 'all tenants',
        'list --status suspended': 'only suspended tenants',
        'list --isolation database --csv > tenants.csv': 'for a spreadsheet',
        "list --json | jq -r '.[].id'": 'for a program',
      }),
    )
    .action(async ({ search, json, csv, status, isolation }, command) => {
      await withApplication(command, async ({ tenancy }) => {
        const found: Tenant[] = [];
        for await (const tenant of tenancy.tenants.all(defined({ status, isolation }))) {
          if (contains(tenant, search)) found.push(tenant);
        }
        printRows(found, columns, { json, csv }, summaryOf);
        if (!json && !csv) note(found.length === 1 ? '1 tenant' : `${found.length} tenants`);
      });
    });
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
