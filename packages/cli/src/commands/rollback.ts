import type { MigrationPlan, PlanOptions } from '@omnitenant/orm';
import type { OmnitenantConfig } from '../application/config.ts';
import { defined } from '../application/defined.ts';
import { type FleetFlags, migrateFleet, targetOf } from '../application/migrate-fleet.ts';
import { canary, central, fleetCommand, step } from '../application/options.ts';
import { planText } from '../application/planned-migrations.ts';
import { namedOrAll, refuseTenants, requireMigratable } from '../application/select-tenants.ts';
import { someTenants } from '../application/tenant-summary.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { say, warn } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { askConsent } from '../terminal/prompts.ts';
import { printJson } from '../terminal/table.ts';

export function rollback(program: Program): void {
  fleetCommand(program, 'rollback')
    .summary('undo migrations')
    .description(
      'Undoes the last migration of the code, or every migration after --to, newest first. It shows the SQL and asks first.',
    )
    .addOption(central)
    .addOption(canary('roll back'))
    .addOption(step("number of the code's last migrations to undo (default: 1)"))
    .option('--yes', 'do not ask for confirmation')
    .addHelpText(
      'after',
      examples({
        'rollback acme': "undoes the code's last migration in one tenant",
        'rollback acme --step 2': 'its last two',
        'rollback --all --to Migration20260105 --yes': 'undoes every later migration in all tenants',
      }),
    )
    .action(async (named, { all, central, yes, ...flags }, command) => {
      if (central) refuseTenants(named, all);
      const tenants = central ? [] : namedOrAll(named, all);
      await withApplication(command, async (application) => {
        const plan = { ...targetOf(flags.to), ...defined({ step: flags.step }), direction: 'down' as const };
        const undone = central
          ? { steps: [], migrations: await application.orm.migrations.central.plan(plan) }
          : await planned(application, tenants, plan, flags);
        if (undone.migrations.length > 0) {
          warn(`${planText(undone).trimStart()}\n`);
          if (!yes)
            await askConsent(command.optsWithGlobals(), { message: questionOf(undone, central), instead: '--yes' });
        }
        await (central ? rollBackCentral(application, flags) : rollBackTenants(application, tenants, flags));
      });
    });
}

type Flags = FleetFlags & { readonly to?: string | undefined };

/** What would be undone in these tenants. */
async function planned(
  { tenancy, orm }: OmnitenantConfig,
  tenants: readonly string[] | undefined,
  plan: PlanOptions,
  { skip }: Flags,
): Promise<MigrationPlan> {
  await requireMigratable(tenancy.tenants, tenants);
  return orm.migrations.plan({ ...plan, ...defined({ tenants, skip }) });
}

function questionOf({ steps, migrations }: MigrationPlan, central: true | undefined): string {
  const count = steps.reduce((sum, { tenants }) => sum + tenants, 0);
  const ids = steps.flatMap(({ examples }) => examples);
  const where = central ? 'central' : someTenants(ids, count);
  const names = migrations.map(({ name }) => name).join(', ');
  const loses = migrations.some(
    ({ warnings, sql }) => sql === undefined || warnings.some(({ kind }) => kind === 'loss'),
  );
  return `Undo ${names} in ${where}?${loses ? ' What its tables and columns hold is lost' : ''}`;
}

async function rollBackCentral({ orm }: OmnitenantConfig, { to, step, json }: Flags): Promise<void> {
  const undone = await orm.migrations.central.down({ ...targetOf(to), ...defined({ step }) });
  if (json) return printJson({ undone });
  say(undone.length === 0 ? 'Nothing to do.' : `undone in central: ${undone.join(', ')}`);
}

function rollBackTenants(
  application: OmnitenantConfig,
  tenants: readonly string[] | undefined,
  { to, ...flags }: Flags,
): Promise<void> {
  return migrateFleet(application, tenants, flags, {
    doing: 'rolling back',
    done: 'rolled back',
    run: (options) => application.orm.migrations.down({ ...options, ...targetOf(to) }),
  });
}
