import { text } from 'node:stream/consumers';
import { evaluate } from '../application/evaluate.ts';
import { allowClosed, reason } from '../application/options.ts';
import { openRepl } from '../application/repl.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { UsageError } from '../terminal/failure.ts';
import type { Program } from '../terminal/program.ts';

export function shell(program: Program): void {
  program
    .command('shell')
    .summary('run JavaScript in a tenant')
    .description(
      'Runs JavaScript in a tenant, with em, orm, tenancy, tenant and the entities by name. Top-level await works.',
    )
    .argument('[tenant]', 'tenant id')
    .option('--central', 'run in central instead of a tenant')
    .option('-e, --eval <code>', 'an expression to print, or statements that may return a value')
    .addOption(allowClosed)
    .addOption(reason)
    .addHelpText(
      'after',
      examples({
        'shell acme': 'a prompt; leave it with .exit or Ctrl-D',
        "shell acme -e 'await em.count(Task)'": 'prints one value',
        'shell acme < script.js': 'a script from standard input',
      }),
    )
    .action(async (id, { central, eval: given, ...entering }, command) => {
      if ((id === undefined) === (central === undefined)) throw new UsageError('Pass one tenant id, or --central.');
      await withApplication(command, async (application) => {
        const code = given ?? (process.stdin.isTTY ? undefined : await text(process.stdin));
        const work = () =>
          code === undefined ? openRepl(application, command.optsWithGlobals()) : evaluate(application, code);
        await (id === undefined ? application.tenancy.central(work) : application.tenancy.run(id, work, entering));
      });
    });
}
