import { fakeCentral, fakeTenants } from '../application/fake-migrations.ts';
import { central, fleetCommand } from '../application/options.ts';
import { namedOrAll, refuseTenants } from '../application/select-tenants.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { UsageError } from '../terminal/failure.ts';
import type { Program } from '../terminal/program.ts';

export function fake(program: Program): void {
  fleetCommand(program, 'fake')
    .summary('mark migrations as applied without running them')
    .description('Marks migrations up to --to as applied and later ones as not applied, without running them.')
    .addOption(central)
    .option('--forget-unknown', 'also remove log entries of migrations that the code does not have')
    .addHelpText(
      'after',
      examples({
        'fake acme': 'all migrations are applied',
        'fake acme --to Migration20260105': 'those up to this one are applied, later ones are not',
        'fake acme --to 0': 'no migration is applied',
        'fake --central': "all of central's own migrations are applied",
      }),
    )
    .action(async (named, { all, central, to, forgetUnknown, ...flags }, command) => {
      if (central) {
        refuseTenants(named, all);
        if (forgetUnknown) throw new UsageError('--forget-unknown is for tenants.');
        return withApplication(command, (application) => fakeCentral(application, to, flags));
      }
      const tenants = namedOrAll(named, all);
      await withApplication(command, (application) => fakeTenants(application, tenants, to, flags, forgetUnknown));
    });
}
