import { isTenancyError } from '@omnitenant/core';
import type { OmnitenantConfig } from '../application/config.ts';
import { defined } from '../application/defined.ts';
import { central, json, skip, step, target, tenantPatterns } from '../application/options.ts';
import { migrationText, planText } from '../application/planned-migrations.ts';
import { refuseTenants, requireMigratable } from '../application/select-tenants.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { print } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { printJson } from '../terminal/table.ts';

export function plan(program: Program): void {
  program
    .command('plan')
    .summary('show what migrate would do')
    .description('Shows what migrate would do, with its SQL and its effect on tables in use. It changes nothing.')
    .argument('[tenants...]', `${tenantPatterns} (default: all)`)
    .addOption(central)
    .addOption(skip)
    .addOption(target)
    .addOption(step('apply at most this many migrations to each tenant'))
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
  readonly step?: number | undefined;
  readonly skip?: readonly string[] | undefined;
  readonly json?: true | undefined;
}

async function planCentral({ orm }: OmnitenantConfig, { to, step, json }: Options): Promise<void> {
  const migrations = await orm.migrations.central.plan(defined({ to, step }));
  if (json) return printJson({ migrations });
  if (migrations.length > 0) return print(migrations.map(migrationText).join('\n\n'));
  print((await hasRecords(orm)) ? 'Nothing to do.' : 'The tables of central do not exist yet; they would be created.');
}

async function hasRecords({ store }: OmnitenantConfig['orm']): Promise<boolean> {
  return store.find('omnitenant-plan').then(
    () => true,
    (error) => {
      if (isTenancyError(error, 'CENTRAL_INCOMPLETE')) return false;
      throw error;
    },
  );
}

async function planTenants(
  { tenancy, orm }: OmnitenantConfig,
  named: readonly string[],
  { json, ...options }: Options,
): Promise<void> {
  await requireMigratable(tenancy.tenants, named);
  const planned = await orm.migrations.plan(defined({ ...options, tenants: named.length > 0 ? named : undefined }));
  if (json) return printJson(planned);
  if (planned.steps.length === 0) return print('Nothing to do.');
  print(planText(planned));
}
