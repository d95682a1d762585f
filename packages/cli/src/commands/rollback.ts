import { migrateFleet } from '../application/migrate-fleet.ts';
import { all, canary, concurrency, json, maxFailures, target, yes } from '../application/options.ts';
import { withApplication } from '../application/session.ts';
import { namedOrAll, nobodyBesides } from '../application/tenants.ts';
import { examples } from '../terminal/examples.ts';
import { print } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { askConsent } from '../terminal/prompts.ts';
import { printJson } from '../terminal/table.ts';
import { targetOf } from './fake.ts';

export function rollback(program: Program): void {
  program
    .command('rollback')
    .summary('undo migrations')
    .description("Undoes migrations, newest first: the code's last one, or all that came after --to. It asks first.")
    .argument('[tenants...]', "ids, or patterns such as 'acme-*'")
    .addOption(all)
    .option('--central', "central's own migrations instead")
    .addOption(target)
    .addOption(canary)
    .addOption(maxFailures)
    .addOption(concurrency(4))
    .addOption(yes)
    .addOption(json)
    .addHelpText(
      'after',
      examples({
        'rollback acme': "undoes the code's last migration in acme",
        'rollback --all --to Migration20260105 --yes': 'everywhere, what came after that one',
      }),
    )
    .action(async (named, { all, central, to, yes, ...flags }, command) => {
      const tenants = central ? nobodyBesides(named, all) : namedOrAll(named, all);
      const where = central ? 'central' : (tenants?.join(', ') ?? 'every tenant');
      const what = to === undefined ? 'the last migration' : to === '0' ? 'all migrations' : `what came after ${to}`;
      const question = { message: `Undo ${what} in ${where}? What it made is lost`, instead: '--yes' };
      if (!yes) await askConsent(command.optsWithGlobals(), question);
      await withApplication(command, async (application) => {
        const { migrations } = application.orm;
        if (central) {
          const undone = await migrations.central.down(targetOf(to));
          if (flags.json) return printJson({ undone });
          return print(undone.length === 0 ? 'Nothing to do.' : `undone in central: ${undone.join(', ')}`);
        }
        await migrateFleet(application, tenants, flags, {
          doing: 'undoing',
          done: 'rolled back',
          run: (options) => migrations.down({ ...options, ...targetOf(to) }),
        });
      });
    });
}
