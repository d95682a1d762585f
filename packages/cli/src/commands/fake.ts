import { examples } from '../examples.ts';
import { migrateFleet } from '../migrate-fleet.ts';
import { all, concurrency, json, maxFailures, target } from '../options.ts';
import type { Program } from '../program.ts';
import { withApplication } from '../session.ts';
import { namedOrAll } from '../tenants.ts';

export function fake(program: Program): void {
  program
    .command('fake')
    .summary('write migrations down, running none')
    .description('Writes migrations down as applied, or as not applied, and runs none.')
    .argument('[tenants...]', "ids, or patterns such as 'acme-*'")
    .addOption(all)
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
      }),
    )
    .action(async (named, { all, to, ...flags }, command) => {
      const tenants = namedOrAll(named, all);
      await withApplication(command, (application) => fakeUpTo(application, tenants, to, flags));
    });
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
