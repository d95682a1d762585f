import type { PlannedMigration, PlannedStep } from '@omnitenant/orm';
import type { OmnitenantConfig } from '../application/config.ts';
import { defined } from '../application/defined.ts';
import { central, json, target, tenantPatterns } from '../application/options.ts';
import { refuseTenants, requireMigratable } from '../application/select-tenants.ts';
import { someTenants } from '../application/tenant-summary.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { paint, print } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { printJson } from '../terminal/table.ts';

export function plan(program: Program): void {
  program
    .command('plan')
    .summary('show what migrate would do')
    .description('Shows what migrate would do, with its SQL. It changes nothing.')
    .argument('[tenants...]', `${tenantPatterns} (default: all)`)
    .addOption(central)
    .addOption(target)
    .addOption(json)
    .addHelpText(
      'after',
      examples({ plan: 'for all tenants', 'plan acme --to Migration20260105': 'up to one migration' }),
    )
    .action(async (named, { central, ...options }, command) => {
      if (central) refuseTenants(named);
      await withApplication(command, (application) =>
        central ? planCentral(application, options) : planTenants(application, named, options),
      );
    });
}

interface Options {
  readonly to?: string | undefined;
  readonly json?: true | undefined;
}

async function planCentral({ orm }: OmnitenantConfig, { to, json }: Options): Promise<void> {
  const migrations = await orm.migrations.central.plan(defined({ to }));
  if (json) return printJson({ migrations });
  print(migrations.length === 0 ? 'Nothing to do.' : migrations.map(migrationText).join('\n\n'));
}

async function planTenants(
  { tenancy, orm }: OmnitenantConfig,
  named: readonly string[],
  { to, json }: Options,
): Promise<void> {
  await requireMigratable(tenancy.tenants, named);
  const planned = await orm.migrations.plan(defined({ to, tenants: named.length > 0 ? named : undefined }));
  if (json) return printJson(planned);
  if (planned.steps.length === 0) return print('Nothing to do.');
  for (const step of planned.steps) print(stepText(step));
  for (const migration of planned.migrations) print(`\n${migrationText(migration)}`);
}

function stepText({ pending, tenants, examples: some }: PlannedStep): string {
  const migrations = pending?.join(', ') ?? 'determined from their migration logs';
  return `${paint('bold', someTenants(some, tenants))}: ${migrations}`;
}

function migrationText({ name, sql, transactional }: PlannedMigration): string {
  const mark = transactional ? '' : paint('yellow', '  outside the transaction');
  const body = sql?.map((statement) => `${statement};`) ?? ['runs code; its SQL is not known in advance'];
  return [`${paint('cyan', name)}${mark}`, ...body.map((line) => `  ${line}`)].join('\n');
}
