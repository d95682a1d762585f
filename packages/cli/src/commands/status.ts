import type { TenantMigrations } from '@omnitenant/orm';
import { csv, json } from '../application/options.ts';
import { withApplication } from '../application/session.ts';
import { nobodyBesides, requireMigratable, styleOf } from '../application/tenants.ts';
import { examples } from '../terminal/examples.ts';
import { exitCodes } from '../terminal/failure.ts';
import { note, type Style } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { type Column, printRows } from '../terminal/table.ts';

export function status(program: Program): void {
  program
    .command('status')
    .summary('which migrations each tenant has')
    .description('Which migrations each tenant has; of one tenant, each migration.')
    .argument('[tenants...]', "ids, or patterns such as 'acme-*' (default: all)")
    .option('--pending', 'only tenants that lack some')
    .option('--check', 'fail where a tenant lacks some')
    .option('--central', "central's own migrations instead")
    .addOption(json)
    .addOption(csv)
    .addHelpText(
      'after',
      examples({
        status: 'a line for each tenant',
        'status acme': 'each migration of the code, and whether acme has it',
        'status --pending --json': 'who is behind, for a program',
        'status --check': 'for CI: exit code 1 where somebody is behind',
      }),
    )
    .action(async (named, { pending: onlyBehind, check, central, ...format }, command) => {
      await withApplication(command, async ({ tenancy, orm: { migrations } }) => {
        if (central) {
          nobodyBesides(named);
          const { applied, pending } = await migrations.central.status();
          if (check && pending.length > 0) process.exitCode = exitCodes.failed;
          const names = onlyBehind ? pending : [...applied, ...pending];
          printRows(marked(names, pending), ofMigrations, format);
          if (format.json || format.csv) return;
          return note(`central lacks ${pending.length} of its ${applied.length + pending.length} migrations`);
        }
        await requireMigratable(tenancy.tenants, named);
        const found: TenantMigrations[] = [];
        for await (const tenant of migrations.status(named.length > 0 ? { tenants: named } : {})) {
          if (!onlyBehind || isBehind(tenant)) found.push(tenant);
        }
        if (check && found.some(isBehind)) process.exitCode = exitCodes.failed;
        const [one] = found;
        // A program gets the same of one tenant as of several.
        const alone = named.length === 1 && named[0] === one?.tenant && !format.json ? one : undefined;
        if (alone?.pending !== undefined) {
          return printRows(marked(await migrations.names(), alone.pending), ofMigrations, format);
        }
        printRows(found, ofTenants, format);
        if (!format.json && !format.csv) note(behindOf(found));
      });
    });
}

function isBehind({ pending }: TenantMigrations): boolean {
  return pending === undefined || pending.length > 0;
}

function behindOf(found: readonly TenantMigrations[]): string {
  const behind = found.filter(isBehind).length;
  return `${behind} of ${found.length} ${found.length === 1 ? 'tenant' : 'tenants'} ${behind === 1 ? 'lacks' : 'lack'} migrations`;
}

function stateOf({ pending }: TenantMigrations): string {
  if (pending === undefined) return 'not known before the next migrate';
  return pending.length === 0 ? 'up to date' : `${pending.length} pending`;
}

const ofTenants: readonly Column<TenantMigrations>[] = [
  { name: 'tenant', value: ({ tenant }) => tenant, style: () => 'bold' },
  { name: 'status', value: ({ status }) => status, style: styleOf },
  { name: 'isolation', value: ({ isolation }) => isolation },
  { name: 'last migration', value: ({ last }) => last },
  { name: 'state', value: stateOf, style: (row): Style => (isBehind(row) ? 'yellow' : 'green') },
];

interface Marked {
  readonly migration: string;
  readonly applied: boolean;
}

function marked(names: readonly string[], pending: readonly string[]): readonly Marked[] {
  return names.map((migration) => ({ migration, applied: !pending.includes(migration) }));
}

const ofMigrations: readonly Column<Marked>[] = [
  { name: 'migration', value: ({ migration }) => migration },
  {
    name: 'state',
    value: ({ applied }) => (applied ? 'applied' : 'pending'),
    style: ({ applied }): Style => (applied ? 'green' : 'yellow'),
  },
];
