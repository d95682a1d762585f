import { migrateFleet } from '../application/migrate-fleet.ts';
import { all, concurrency, json, maxFailures, target } from '../application/options.ts';
import { withApplication } from '../application/session.ts';
import { namedOrAll, nobodyBesides } from '../application/tenants.ts';
import { examples } from '../terminal/examples.ts';
import { print } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { printJson } from '../terminal/table.ts';

export function fake(program: Program): void {
  program
    .command('fake')
    .summary('write migrations down, running none')
    .description('Writes migrations down as applied, or as not applied, and runs none.')
    .argument('[tenants...]', "ids, or patterns such as 'acme-*'")
    .addOption(all)
    .option('--central', "central's own migrations instead")
    .addOption(target)
    .addOption(maxFailures)
    .addOption(concurrency(4))
    .addOption(json)
    .addHelpText(
      'after',
      examples({
        'fake acme': 'acme has all of them',
        'fake acme --to Migration20260105': 'it has those up to that one, and no more',
        'fake acme --to 0': 'it has none',
        'fake --central': 'central has all of its own',
      }),
    )
    .action(async (named, { all, central, to, ...flags }, command) => {
      const tenants = central ? nobodyBesides(named, all) : namedOrAll(named, all);
      await withApplication(command, (application) =>
        central ? fakeCentral(application, to, flags) : fakeUpTo(application, tenants, to, flags),
      );
    });
}

/** Writes down as applied what is up to `to`, in central. */
export async function fakeCentral(
  { orm }: Parameters<typeof migrateFleet>[0],
  to: string | undefined,
  { json }: Pick<Parameters<typeof migrateFleet>[2], 'json'>,
): Promise<void> {
  const changed = await orm.migrations.central.fake(targetOf(to));
  if (json) return printJson({ changed });
  print(changed.length === 0 ? 'Nothing to do.' : `written down in central: ${changed.join(', ')}`);
}

/** Writes down as applied what is up to `to`, in each of the tenants. */
export function fakeUpTo(
  application: Parameters<typeof migrateFleet>[0],
  tenants: readonly string[] | undefined,
  to: string | undefined,
  flags: Parameters<typeof migrateFleet>[2],
): Promise<void> {
  return migrateFleet(application, tenants, flags, {
    doing: 'writing down',
    done: 'written down',
    run: (options) => application.orm.migrations.fake({ ...options, ...targetOf(to) }),
  });
}

/** `--to` as the engine takes it. */
export function targetOf(to: string | undefined): { to?: string | 0 } {
  return to === undefined ? {} : { to: to === '0' ? 0 : to };
}
