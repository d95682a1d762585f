import { Option } from '@commander-js/extra-typings';
import type { FleetReport } from '@omnitenant/orm';
import { migrateFleet } from '../application/migrate-fleet.ts';
import { all, canary, concurrency, json, maxFailures, target } from '../application/options.ts';
import { withApplication } from '../application/session.ts';
import { namedOrAll } from '../application/tenants.ts';
import { examples } from '../terminal/examples.ts';
import { UsageError } from '../terminal/failure.ts';
import { note } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { printJson } from '../terminal/table.ts';
import { fakeCentral, fakeUpTo } from './fake.ts';

export function migrate(program: Program): void {
  program
    .command('migrate')
    .summary('apply what tenants lack')
    .description('Applies what tenants lack. One that fails is left as it was, and stops nobody else.')
    .argument('[tenants...]', "ids, or patterns such as 'acme-*'")
    .addOption(all)
    .option('--central', "central's own tables; with tenants or --all, before theirs")
    .addOption(target)
    .addOption(canary)
    .addOption(maxFailures)
    .addOption(concurrency(4))
    .addOption(new Option('--fake', 'only write down that they are applied'))
    .addOption(json)
    .addHelpText(
      'after',
      examples({
        'migrate --central --all': 'a deployment',
        'migrate acme bloom': 'two tenants',
        "migrate 'eu-*' --to Migration20260105": 'those that a pattern fits, up to one migration',
        'migrate --all --canary 3 --max-failures 10': 'three tenants first; gives up after ten failures',
      }),
    )
    .action(async (named, { all, central, fake, to, ...flags }, command) => {
      const alone = central && !all && named.length === 0;
      if (central && !alone && (to || fake))
        throw new UsageError('With --to or --fake, --central means central alone: leave the tenants away.');
      if (to === '0') throw new UsageError('migrate goes up. To undo migrations: omnitenant rollback --to 0');
      const tenants = alone ? [] : namedOrAll(named, all);
      await withApplication(command, async (application) => {
        if (central && fake) return fakeCentral(application, to, flags);
        if (central && to) {
          await application.orm.migrations.central.up({ to });
          note(`central is up to ${to}`);
        } else if (central) {
          await application.tenancy.migrateCentral();
          note('central is up to date');
        }
        if (alone) return flags.json && printJson(nobody);
        if (fake) return fakeUpTo(application, tenants, to, flags);
        await migrateFleet(application, tenants, flags, {
          doing: 'migrating',
          done: 'migrated',
          run: (options) => application.orm.migrations.up({ ...options, ...(to && { to }) }),
        });
      });
    });
}

/** What is told of the tenants where central alone was migrated. */
const nobody: FleetReport = { migrated: 0, upToDate: 0, failed: [], remaining: 0 };
