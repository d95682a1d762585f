import { text } from 'node:stream/consumers';
import { evaluate } from '../application/evaluate.ts';
import { openRepl } from '../application/repl.ts';
import { withApplication } from '../application/session.ts';
import { examples } from '../terminal/examples.ts';
import { UsageError } from '../terminal/failure.ts';
import type { Program } from '../terminal/program.ts';

export function shell(program: Program): void {
  program
    .command('shell')
    .summary('JavaScript inside a tenant')
    .description('JavaScript inside a tenant: em, the entities by name, orm, tenancy, tenant. Top-level await works.')
    .argument('[tenant]', 'its id')
    .option('--central', 'in central, instead of a tenant')
    .option('-e, --eval <code>', 'an expression, whose value is printed, or statements that return one')
    .addHelpText(
      'after',
      examples({
        'shell acme': 'a prompt; .exit or Ctrl-D ends it',
        "shell acme -e 'await em.count(Task)'": 'one value',
        'shell acme < script.js': 'a script from standard input',
      }),
    )
    .action(async (id, { central, eval: given }, command) => {
      if ((id === undefined) === (central === undefined)) throw new UsageError('Name one tenant, or say --central.');
      await withApplication(command, async (application) => {
        const code = given ?? (process.stdin.isTTY ? undefined : await text(process.stdin));
        const work = () =>
          code === undefined ? openRepl(application, command.optsWithGlobals()) : evaluate(application, code);
        await (id === undefined ? application.tenancy.central(work) : application.tenancy.run(id, work));
      });
    });
}
