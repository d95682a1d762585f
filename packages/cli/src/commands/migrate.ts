import type { FleetReport } from '@omnitenant/orm';
import type { OmnitenantConfig } from '../application/config.ts';
import { defined } from '../application/defined.ts';
import { fakeCentral, fakeTenants } from '../application/fake-migrations.ts';
import { type FleetFlags, migrateFleet } from '../application/migrate-fleet.ts';
import { canary, fleetCommand, step } from '../application/options.ts';
import { namedOrAll } from '../application/select-tenants.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { UsageError } from '../terminal/failure.ts';
import { note } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { printJson } from '../terminal/table.ts';

export function migrate(program: Program): void {
  fleetCommand(program, 'migrate')
    .summary('apply pending migrations')
    .description('Applies pending migrations. A tenant that fails is rolled back and does not stop the others.')
    .option('--central', 'migrate central; with tenants or --all, before the tenants')
    .addOption(canary('migrate'))
    .addOption(step('apply at most this many migrations to each tenant'))
    .option('--no-rollout', 'migrate all tenants as one group, ignoring the configuration')
    .option('--fake', 'only mark the migrations as applied')
    .addHelpText(
      'after',
      examples({
        'migrate --central --all': 'a deployment',
        'migrate acme bloom': 'two tenants',
        "migrate 'eu-*' --to Migration20260105": 'tenants that match a pattern, up to one migration',
        'migrate --all --canary acme,demo': 'two tenants first; the others if they succeed',
        'migrate --all --canary 3 --max-failures 10': 'three tenants first; stop after more than ten failures',
      }),
    )
    .action(async (named, { all, central, ...options }, command) => {
      const alone = central && !all && named.length === 0;
      if (central && !alone && (options.to || options.fake)) {
        throw new UsageError('With --to or --fake, --central cannot be combined with tenants.');
      }
      if (options.to === '0') throw new UsageError('migrate cannot undo migrations. Run: omnitenant rollback --to 0');
      const tenants = alone ? [] : namedOrAll(named, all);
      await withApplication(command, async (application) => {
        if (central) await migrateCentral(application, options);
        if (!alone) await migrateTenants(application, tenants, options);
        else if (options.json && !options.fake) printJson(noTenants);
      });
    });
}

type Options = FleetFlags & {
  readonly to?: string | undefined;
  readonly fake?: true | undefined;
  /** `false` ignores the groups of the configuration. */
  readonly rollout: boolean;
};

async function migrateCentral(application: OmnitenantConfig, { fake, to, ...flags }: Options): Promise<void> {
  if (fake) return fakeCentral(application, to, flags);
  if (to === undefined) await application.tenancy.migrateCentral();
  else await application.orm.migrations.central.up({ to });
  note(`central is ${to === undefined ? 'up to date' : `at ${to}`}`);
}

function migrateTenants(
  application: OmnitenantConfig,
  tenants: readonly string[] | undefined,
  { fake, to, rollout, ...flags }: Options,
): Promise<void> {
  if (fake) return fakeTenants(application, tenants, to, flags);
  const groups = rollout && tenants === undefined ? application.rollout : undefined;
  return migrateFleet(application, tenants, flags, {
    doing: 'migrating',
    done: 'migrated',
    run: (options) => application.orm.migrations.up({ ...options, ...defined({ to, groups }) }),
  });
}

/** The report on the tenants when only central was migrated. */
const noTenants: FleetReport = { total: 0, migrated: 0, upToDate: 0, failed: [], remaining: 0 };
