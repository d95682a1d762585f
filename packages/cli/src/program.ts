import { readFileSync } from 'node:fs';
import { Command } from '@commander-js/extra-typings';
import { adopt } from './commands/adopt.ts';
import { archive, maintain, resume, suspend } from './commands/change-status.ts';
import { create } from './commands/create.ts';
import { createMigration } from './commands/create-migration.ts';
import { createSuperuser } from './commands/create-superuser.ts';
import { credentials } from './commands/credentials.ts';
import { doctor } from './commands/doctor.ts';
import { domains } from './commands/domains.ts';
import { fake } from './commands/fake.ts';
import { help } from './commands/help.ts';
import { init } from './commands/init.ts';
import { list } from './commands/list.ts';
import { migrate } from './commands/migrate.ts';
import { plan } from './commands/plan.ts';
import { remove } from './commands/remove.ts';
import { repair } from './commands/repair.ts';
import { rollback } from './commands/rollback.ts';
import { run } from './commands/run.ts';
import { shell } from './commands/shell.ts';
import { show } from './commands/show.ts';
import { status } from './commands/status.ts';
import { paint } from './terminal/output.ts';
import type { Program } from './terminal/program.ts';

const groups = {
  'Begin:': [init, doctor, help],
  'Tenants:': [create, adopt, list, show, suspend, resume, maintain, archive, remove, repair, domains, credentials],
  'Migrations:': [status, plan, migrate, rollback, fake, createMigration],
  'In a tenant:': [shell, run, createSuperuser],
};

export function createProgram(): Program {
  const program = new Command('omnitenant')
    .description("An application's tenants and their migrations.")
    .option('-c, --config <path>', 'the configuration (default: omnitenant.config.ts in this folder)')
    .option('--no-input', 'never ask; what is not given is an error')
    .option('--verbose', 'errors with all that is known of them')
    .version(version(), '-V, --version', 'the version')
    .helpOption('-h, --help', 'this help')
    .helpCommand(false)
    .configureHelp({
      showGlobalOptions: true,
      subcommandTerm: (command) => `${command.name()} ${command.usage().replace(/^\[options\] ?/, '')}`,
      styleTitle: (title) => paint('bold', title),
      styleSubcommandTerm: (term) => paint('cyan', term),
    })
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error:/, paint('red', 'error:', process.stderr))),
    })
    .showSuggestionAfterError()
    .showHelpAfterError('omnitenant help <command> shows how it is called.')
    .addHelpText('after', '\nomnitenant help <command> has all about one, with examples.')
    .exitOverride() as Program;
  for (const [group, commands] of Object.entries(groups)) {
    program.commandsGroup(group);
    for (const add of commands) add(program);
  }
  return program;
}

function version(): string {
  const manifest: { version: string } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return manifest.version;
}
