import { Option } from '@commander-js/extra-typings';
import type { TenantMigrations, VerifyProblem, VerifyReport } from '@omnitenant/orm';
import type { OmnitenantConfig } from '../application/config.ts';
import { central, csv, json, tenantPatterns } from '../application/options.ts';
import { refuseTenants, requireMigratable } from '../application/select-tenants.ts';
import { styleOf } from '../application/tenant-summary.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { exitCodes } from '../terminal/failure.ts';
import { note, type Style } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { type Column, type Format, printRows } from '../terminal/table.ts';

export function status(program: Program): void {
  program
    .command('status')
    .summary('show the migrations of tenants')
    .description('Shows the migration state of each tenant, or every migration of a single tenant.')
    .argument('[tenants...]', `${tenantPatterns} (default: all)`)
    .option('--pending', 'only tenants with pending migrations')
    .option(
      '--check',
      'exit with code 1 if any migration is pending, or with --deep if any tenant is not what its migrations make',
    )
    .addOption(
      new Option('--deep', "compare each tenant's tables with what its migrations make, as verify does").conflicts(
        'central',
      ),
    )
    .addOption(new Option('--summary', 'one line per state instead of one per tenant').conflicts('central'))
    .addOption(central)
    .addOption(json)
    .addOption(csv)
    .addHelpText(
      'after',
      examples({
        status: 'one line per tenant',
        'status acme': 'each migration, and whether it is applied',
        'status --pending --json': 'tenants with pending migrations, for a program',
        'status --summary': 'how many tenants have which migrations',
        'status --check': 'for CI',
        'status --deep': 'as verify finds it, one line per tenant',
      }),
    )
    .action(async (named, { central, ...options }, command) => {
      if (central) refuseTenants(named);
      await withApplication(command, (application) =>
        central ? showCentral(application, options) : showTenants(application, named, options),
      );
    });
}

interface Options extends Format {
  readonly pending?: true | undefined;
  readonly check?: true | undefined;
  readonly deep?: true | undefined;
  readonly summary?: true | undefined;
}

/** A tenant's migrations, and with `--deep` what is wrong with its tables. */
interface Row extends TenantMigrations {
  /** Whether its last migration is one that this code does not have. `migrate` leaves such a tenant alone. */
  readonly ahead?: true;
  readonly problem?: VerifyProblem | 'none';
}

async function showCentral({ orm }: OmnitenantConfig, options: Options): Promise<void> {
  const { applied, pending } = await orm.migrations.central.status();
  if (options.check && pending.length > 0) process.exitCode = exitCodes.failed;
  await printRows(marked(options.pending ? pending : [...applied, ...pending], pending), migrationColumns, options);
  if (!options.json && !options.csv) {
    note(`central: ${pending.length} of ${applied.length + pending.length} migrations pending`);
  }
}

async function showTenants(
  { tenancy, orm: { migrations } }: OmnitenantConfig,
  named: readonly string[],
  options: Options,
): Promise<void> {
  await requireMigratable(tenancy.tenants, named);
  const found = await rowsOf(migrations, named, options);
  if (options.check && found.some(isPending)) process.exitCode = exitCodes.failed;
  if (options.summary) return printRows(summed(found), summaryColumns, options);
  // JSON has the same shape for one tenant as for several.
  const single = options.json ? undefined : found.find(({ tenant }) => named.length === 1 && tenant === named[0]);
  if (single?.pending !== undefined) {
    return printRows(marked(await migrations.names(), single.pending), migrationColumns, options);
  }
  await printRows(found, tenantColumns, options);
  if (!options.json && !options.csv) note(totalOf(found));
}

async function rowsOf(
  migrations: OmnitenantConfig['orm']['migrations'],
  named: readonly string[],
  { deep, pending }: Options,
): Promise<readonly Row[]> {
  const selection = named.length > 0 ? { tenants: named } : {};
  const problems = deep ? problemsIn(await migrations.verify(selection)) : undefined;
  const names = await migrations.names();
  const found: Row[] = [];
  for await (const tenant of migrations.status(selection)) {
    const row: Row = {
      ...tenant,
      ...(tenant.last !== undefined && !names.includes(tenant.last) && { ahead: true }),
      ...(problems && { problem: problems.get(tenant.tenant) ?? 'none' }),
    };
    if (!pending || isPending(row)) found.push(row);
  }
  return found;
}

function problemsIn({ groups }: VerifyReport): ReadonlyMap<string, VerifyProblem> {
  return new Map(groups.flatMap(({ tenants, problem }) => tenants.map((tenant) => [tenant, problem] as const)));
}

/** Whether there is something to do: a migration, or a problem. */
function isPending({ pending, ahead, problem = 'none' }: Row): boolean {
  return (pending === undefined && !ahead) || (pending?.length ?? 0) > 0 || problem !== 'none';
}

function totalOf(found: readonly Row[]): string {
  const count = found.filter(isPending).length;
  const tenants = found.length === 1 ? 'tenant' : 'tenants';
  const what = found.some(({ problem }) => problem !== undefined)
    ? 'pending migrations or a problem; see verify'
    : 'pending migrations';
  return `${count} of ${found.length} ${tenants} ${count === 1 ? 'has' : 'have'} ${what}`;
}

function stateOf({ pending, ahead, problem = 'none' }: Row): string {
  if (problem !== 'none') return problem;
  if (ahead) return 'migrated by newer code';
  if (pending === undefined) return 'unknown until the next migrate';
  return pending.length === 0 ? 'up to date' : `${pending.length} pending`;
}

const tenantColumns: readonly Column<Row>[] = [
  { name: 'tenant', value: ({ tenant }) => tenant, style: () => 'bold' },
  { name: 'status', value: ({ status }) => status, style: styleOf },
  { name: 'isolation', value: ({ isolation }) => isolation },
  { name: 'last migration', value: ({ last }) => last },
  { name: 'state', value: stateOf, style: (row): Style => (isPending(row) || row.ahead ? 'yellow' : 'green') },
];

interface Summed {
  readonly last: string | undefined;
  readonly state: string;
  readonly tenants: number;
}

/** How many tenants are in each state, those of most tenants first. */
function summed(found: readonly Row[]): readonly Summed[] {
  const groups = Map.groupBy(found, (row) => JSON.stringify([row.last, stateOf(row)]));
  return [...groups.values()]
    .map((rows) => ({ last: rows[0]?.last, state: stateOf(rows[0] as Row), tenants: rows.length }))
    .sort((a, b) => b.tenants - a.tenants);
}

const summaryColumns: readonly Column<Summed>[] = [
  { name: 'tenants', value: ({ tenants }) => tenants, style: () => 'bold' },
  { name: 'last migration', value: ({ last }) => last },
  { name: 'state', value: ({ state }) => state },
];

interface MarkedMigration {
  readonly migration: string;
  readonly applied: boolean;
}

function marked(names: readonly string[], pending: readonly string[]): readonly MarkedMigration[] {
  return names.map((migration) => ({ migration, applied: !pending.includes(migration) }));
}

const migrationColumns: readonly Column<MarkedMigration>[] = [
  { name: 'migration', value: ({ migration }) => migration },
  {
    name: 'state',
    value: ({ applied }) => (applied ? 'applied' : 'pending'),
    style: ({ applied }): Style => (applied ? 'green' : 'yellow'),
  },
];
