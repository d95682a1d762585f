import type { Tenant } from '@omnitenant/core';
import { csv, isolation, json, status } from '../application/options.ts';
import { withApplication } from '../application/session.ts';
import { placeOf, styleOf } from '../application/tenants.ts';
import { examples } from '../terminal/examples.ts';
import { masked } from '../terminal/masked.ts';
import { note } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { type Column, printRows } from '../terminal/table.ts';

export function list(program: Program): void {
  program
    .command('list')
    .summary('the tenants')
    .description('The tenants.')
    .addOption(status)
    .addOption(isolation)
    .option('--search <text>', 'only those whose id or name holds it')
    .addOption(json)
    .addOption(csv)
    .addHelpText(
      'after',
      examples({
        list: 'all of them',
        'list --status suspended': 'those that are suspended',
        'list --isolation database --csv > tenants.csv': 'for a spreadsheet',
        "list --json | jq -r '.[].id'": 'for a program',
      }),
    )
    .action(async ({ search, json, csv, status, isolation }, command) => {
      const filter = { ...(status && { status }), ...(isolation && { isolation }) };
      await withApplication(command, async ({ tenancy }) => {
        const found: Tenant[] = [];
        for await (const tenant of tenancy.tenants.all(filter)) if (holds(tenant, search)) found.push(tenant);
        printRows(found, columns, { json, csv }, summaryOf);
        if (!json && !csv) note(found.length === 1 ? '1 tenant' : `${found.length} tenants`);
      });
    });
}

/** A tenant without what may hold credentials: its config, the application's own columns, and a sealed URL. */
export function summaryOf({ id, name, status, isolation, placement, createdAt, updatedAt }: Tenant) {
  return { id, name, status, isolation, placement: masked(placement), createdAt, updatedAt };
}

const columns: readonly Column<Tenant>[] = [
  { name: 'id', value: ({ id }) => id, style: () => 'bold' },
  { name: 'name', value: ({ name }) => name },
  { name: 'status', value: ({ status }) => status, style: styleOf },
  { name: 'isolation', value: ({ isolation }) => isolation },
  { name: 'place', value: placeOf },
  { name: 'created', value: ({ createdAt }) => createdAt.toISOString().slice(0, 10) },
];

function holds({ id, name }: Tenant, text = ''): boolean {
  return `${id}\n${name}`.toLowerCase().includes(text.toLowerCase());
}
