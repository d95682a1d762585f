import { text } from 'node:stream/consumers';
import { withApplication } from '../application/session.ts';
import { examples } from '../terminal/examples.ts';
import { UsageError } from '../terminal/failure.ts';
import { print } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { askPassword, askText } from '../terminal/prompts.ts';

export function createSuperuser(program: Program): void {
  program
    .command('create-superuser')
    .summary('make someone who may do everything in a tenant')
    .description("Makes someone who may do everything in a tenant, by the application's createSuperuser.")
    .argument('<tenant>', 'its id')
    .option('--email <address>', 'who it is')
    .option('--password-stdin', 'read the password from standard input')
    .addHelpText(
      'after',
      examples({
        'create-superuser acme': 'asks for the address and the password',
        'create-superuser acme --email ann@acme.com --password-stdin < secret.txt': 'in a script',
      }),
    )
    .action(async (id, { email, passwordStdin }, command) => {
      const options = command.optsWithGlobals();
      await withApplication(command, async (application) => {
        const { tenancy, createSuperuser: hook } = application;
        if (hook === undefined) {
          throw new UsageError(
            'The configuration has no createSuperuser: give one to defineConfig({ … }) that makes such a user.',
          );
        }
        await tenancy.run(id, async (tenant) => {
          const who =
            email ?? (await askText(options, { message: 'Email', instead: '--email <address>', check: required }));
          const password = passwordStdin
            ? (await text(process.stdin)).replace(/\r?\n$/, '')
            : await askPassword(options, { message: 'Password', instead: '--password-stdin' });
          if (password === '') throw new UsageError('The password on standard input is empty.');
          await hook.call(application, { email: who, password }, tenant);
          print(`${who} is a superuser of ${id}`);
        });
      });
    });
}

function required(value: string): string | undefined {
  return value.trim() === '' ? 'It cannot be empty.' : undefined;
}
