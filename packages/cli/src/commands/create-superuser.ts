import { text } from 'node:stream/consumers';
import type { Tenant } from '@omnitenant/core';
import { allowClosed, reason } from '../application/options.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { UsageError } from '../terminal/failure.ts';
import { print } from '../terminal/output.ts';
import type { CommonOptions, Program } from '../terminal/program.ts';
import { askPassword, askText } from '../terminal/prompts.ts';

export function createSuperuser(program: Program): void {
  program
    .command('create-superuser')
    .summary('create an admin user in a tenant')
    .description("Creates an admin user in a tenant with the application's createSuperuser function.")
    .argument('<tenant>', 'tenant id')
    .option('--email <address>', "the user's email address")
    .option('--password-stdin', 'read the password from standard input')
    .addOption(allowClosed)
    .addOption(reason)
    .addHelpText(
      'after',
      examples({
        'create-superuser acme': 'asks for the email address and the password',
        'create-superuser acme --email ann@acme.com --password-stdin < secret.txt': 'in a script',
      }),
    )
    .action(async (id, given, command) => {
      const options = command.optsWithGlobals();
      await withApplication(command, async (application) => {
        if (application.createSuperuser === undefined) {
          throw new UsageError('The configuration has no createSuperuser function. Add one to defineConfig({ … }).');
        }
        const { allowClosed, reason } = given;
        async function create(tenant: Tenant): Promise<void> {
          const email = given.email ?? (await askEmail(options));
          const password = given.passwordStdin ? await readPassword() : await askNewPassword(options);
          await application.createSuperuser?.({ email, password }, tenant);
          print(`created superuser ${email} in "${id}"`);
        }
        await application.tenancy.run(id, create, { allowClosed, reason });
      });
    });
}

function askEmail(options: CommonOptions): Promise<string> {
  const check = (value: string) => (value.trim() === '' ? 'It cannot be empty.' : undefined);
  return askText(options, { message: 'Email', instead: '--email <address>', check });
}

function askNewPassword(options: CommonOptions): Promise<string> {
  return askPassword(options, { message: 'Password', instead: '--password-stdin' });
}

async function readPassword(): Promise<string> {
  const password = (await text(process.stdin)).replace(/\r?\n$/, '');
  if (password === '') throw new UsageError('The password on standard input is empty.');
  return password;
}
