import type { OmnitenantConfig } from '../application/config.ts';
import { type FleetFlags, migrateFleet, targetOf } from '../application/migrate-fleet.ts';
import { canary, central, fleetCommand } from '../application/options.ts';
import { namedOrAll, refuseTenants } from '../application/select-tenants.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { print } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { askConsent } from '../terminal/prompts.ts';
import { printJson } from '../terminal/table.ts';

export function rollback(program: Program): void {
  fleetCommand(program, 'rollback')
    .summary('undo migrations')
    .description('Undoes the last migration of the code, or every migration after --to, newest first. It asks first.')
    .addOption(central)
    .addOption(canary('roll back'))
    .option('--yes', 'do not ask for confirmation')
    .addHelpText(
      'after',
      examples({
        'rollback acme': "undoes the code's last migration in one tenant",
        'rollback --all --to Migration20260105 --yes': 'undoes every later migration in all tenants',
      }),
    )
    .action(async (named, { all, central, to, yes, ...flags }, command) => {
      if (central) refuseTenants(named, all);
      const tenants = central ? [] : namedOrAll(named, all);
      const where = central ? 'central' : (tenants?.join(', ') ?? 'all tenants');
      const message = `Undo ${subject(to)} in ${where}? Its tables and columns are deleted with their data`;
      if (!yes) await askConsent(command.optsWithGlobals(), { message, instead: '--yes' });
      await withApplication(command, (application) =>
        central ? rollBackCentral(application, to, flags) : rollBackTenants(application, tenants, to, flags),
      );
    });
}

function subject(to: string | undefined): string {
  if (to === undefined) return 'the last migration';
  return to === '0' ? 'all migrations' : `every migration after ${to}`;
}

async function rollBackCentral({ orm }: OmnitenantConfig, to: string | undefined, { json }: FleetFlags): Promise<void> {
  const undone = await orm.migrations.central.down(targetOf(to));
  if (json) return printJson({ undone });
  print(undone.length === 0 ? 'Nothing to do.' : `undone in central: ${undone.join(', ')}`);
}

function rollBackTenants(
  application: OmnitenantConfig,
  tenants: readonly string[] | undefined,
  to: string | undefined,
  flags: FleetFlags,
): Promise<void> {
  return migrateFleet(application, tenants, flags, {
    doing: 'rolling back',
    done: 'rolled back',
    run: (options) => application.orm.migrations.down({ ...options, ...targetOf(to) }),
  });
}
