import { text } from 'node:stream/consumers';
import { Option } from '@commander-js/extra-typings';
import type { Tenant } from '@omnitenant/core';
import type { OmnitenantConfig, SuperuserField } from '../application/config.ts';
import { defined } from '../application/defined.ts';
import { allowClosed, collect, reason } from '../application/options.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { UsageError } from '../terminal/failure.ts';
import { isInteractive, say } from '../terminal/output.ts';
import type { CommonOptions, Program } from '../terminal/program.ts';
import { askChoice, askPassword, askText } from '../terminal/prompts.ts';

export function createSuperuser(program: Program): void {
  program
    .command('create-superuser')
    .summary('create an admin user in a tenant')
    .description("Creates an admin user in a tenant with the application's createSuperuser function.")
    .argument('<tenant>', 'tenant id')
    .option('--email <address>', "the user's email address")
    .addOption(
      new Option('--field <name=value>', "one of the configuration's superuserFields; repeatable")
        .argParser(collect)
        .default([] as readonly string[], 'none'),
    )
    .option('--password-stdin', 'read the password from standard input')
    .addOption(allowClosed)
    .addOption(reason)
    .addHelpText(
      'after',
      examples({
        'create-superuser acme': 'asks for the email address and the password',
        'create-superuser acme --email ann@acme.com --password-stdin < secret.txt': 'in a script',
        'create-superuser acme --field role=owner': "with one of your application's own fields",
      }),
    )
    .action(async (id, given, command) => {
      const options = command.optsWithGlobals();
      await withApplication(command, async (application) => {
        if (application.createSuperuser === undefined) {
          throw new UsageError('The configuration has no createSuperuser function. Add one to defineConfig({ … }).');
        }
        const { allowClosed, reason } = given;
        const asked = application.superuserFields ?? {};
        const known = fieldsOf(given.field, asked);
        async function create(tenant: Tenant): Promise<void> {
          const email = given.email ?? (await askEmail(options));
          const fields = await askFields(options, asked, known);
          const password = given.passwordStdin ? await readPassword() : await askNewPassword(options);
          await application.createSuperuser?.({ email, password, fields }, tenant);
          say(`created superuser ${email} in "${id}"`);
        }
        await application.tenancy.run(id, create, { allowClosed, reason });
      });
    });
}

function askEmail(options: CommonOptions): Promise<string> {
  const check = (value: string) => (value.trim() === '' ? 'It cannot be empty.' : undefined);
  return askText(options, { message: 'Email', instead: '--email <address>', check });
}

type Fields = NonNullable<OmnitenantConfig['superuserFields']>;

/** The values of `--field name=value`. */
function fieldsOf(given: readonly string[], asked: Fields): Readonly<Record<string, string>> {
  const entries = given.map((text) => {
    const at = text.indexOf('=');
    return [text.slice(0, Math.max(at, 0)), text.slice(at + 1)] as const;
  });
  for (const [name, value] of entries) {
    const field = Object.hasOwn(asked, name) ? asked[name] : undefined;
    if (field === undefined) {
      const names = Object.keys(asked).join(', ') || 'none';
      throw new UsageError(`"${name}" is no field of a superuser. The configuration's superuserFields are: ${names}.`);
    }
    const { choices } = field;
    if (choices && !choices.includes(value)) {
      throw new UsageError(`"${value}" is no ${name}. Choose one of: ${choices.join(', ')}.`);
    }
  }
  return Object.fromEntries(entries);
}

async function askFields(
  options: CommonOptions,
  asked: Fields,
  known: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, string>>> {
  const fields: Record<string, string> = { ...known };
  for (const [name, field] of Object.entries(asked)) fields[name] ??= await askField(options, name, field);
  return fields;
}

async function askField(
  options: CommonOptions,
  name: string,
  { message = name, choices, default: preset }: SuperuserField,
): Promise<string> {
  if (preset !== undefined && !isInteractive(options)) return preset;
  const question = { message, instead: `--field ${name}=…` };
  if (choices) return askChoice(options, { ...question, choices: choices.map((value) => ({ value })) });
  const check = (value: string) => (value.trim() === '' ? 'It cannot be empty.' : undefined);
  return askText(options, { ...question, check, ...defined({ initial: preset }) });
}

function askNewPassword(options: CommonOptions): Promise<string> {
  return askPassword(options, { message: 'Password', instead: '--password-stdin' });
}

async function readPassword(): Promise<string> {
  const password = (await text(process.stdin)).replace(/\r?\n$/, '');
  if (password === '') throw new UsageError('The password on standard input is empty.');
  return password;
}
