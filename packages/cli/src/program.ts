import { readFileSync } from 'node:fs';
import { Command } from '@commander-js/extra-typings';
import { beQuiet, paint } from './terminal/output.ts';
import type { CommonOptions, Program } from './terminal/program.ts';

/** The command `omnitenant`, without its commands. */
export function createProgram(): Program {
  return new Command('omnitenant')
    .description('Manages the tenants of an application and their migrations.')
    .option('-c, --config <path>', 'configuration file (default: omnitenant.config.ts in this folder)')
    .option('--env <file>', 'file of environment variables (default: .env beside the configuration, or in this folder)')
    .option('--import <module>', 'load this module first, such as @swc-node/register/esm-register')
    .option('--no-input', 'never prompt; fail if a value is missing')
    .option('--verbose', 'show errors in full')
    .option('-q, --quiet', 'print only the result and errors: no progress, totals or advice')
    .version(version(), '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show help')
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
    .showHelpAfterError('Show how to use a command with: omnitenant help <command>')
    .addHelpText('after', '\nShow the options and examples of a command with: omnitenant help <command>')
    .exitOverride()
    .hook('preAction', (_, command) => {
      if ((command.optsWithGlobals() as CommonOptions).quiet) beQuiet();
    }) as Program;
}

/** Adds the command that `args` call, or every command if they call none by its name. Loading all of them takes time. */
export async function addCommands(program: Program, args: readonly string[] = []): Promise<void> {
  const [called = 'help'] = program.parseOptions([...args]).operands;
  const names = Object.values(groups).flatMap((commands) => Object.keys(commands));
  const every = called === 'help' || called === 'completion' || !names.includes(called);
  for (const [group, commands] of Object.entries(groups)) {
    program.commandsGroup(group);
    for (const [name, load] of Object.entries(commands)) if (every || name === called) (await load())(program);
  }
}

type Load = () => Promise<(program: Program) => void>;

const groups: Readonly<Record<string, Readonly<Record<string, Load>>>> = {
  'Getting started:': {
    init: async () => (await import('./commands/init.ts')).init,
    doctor: async () => (await import('./commands/doctor.ts')).doctor,
    completion: async () => (await import('./commands/completion.ts')).completion,
    help: async () => (await import('./commands/help.ts')).help,
  },
  'Tenants:': {
    create: async () => (await import('./commands/create.ts')).create,
    adopt: async () => (await import('./commands/adopt.ts')).adopt,
    ready: async () => (await import('./commands/ready.ts')).ready,
    'take-over': async () => (await import('./commands/take-over.ts')).takeOver,
    list: async () => (await import('./commands/list.ts')).list,
    show: async () => (await import('./commands/show.ts')).show,
    suspend: async () => (await import('./commands/change-status.ts')).suspend,
    resume: async () => (await import('./commands/change-status.ts')).resume,
    maintain: async () => (await import('./commands/change-status.ts')).maintain,
    archive: async () => (await import('./commands/archive.ts')).archive,
    purge: async () => (await import('./commands/purge.ts')).purge,
    fresh: async () => (await import('./commands/fresh.ts')).fresh,
    move: async () => (await import('./commands/move.ts')).move,
    remove: async () => (await import('./commands/remove.ts')).remove,
    repair: async () => (await import('./commands/repair.ts')).repair,
    export: async () => (await import('./commands/export.ts')).exportTenant,
    import: async () => (await import('./commands/import.ts')).importTenant,
    clone: async () => (await import('./commands/clone.ts')).clone,
    backup: async () => (await import('./commands/backup.ts')).backup,
    restore: async () => (await import('./commands/restore.ts')).restore,
    erase: async () => (await import('./commands/erase.ts')).erase,
    audit: async () => (await import('./commands/audit.ts')).audit,
    domains: async () => (await import('./commands/domains.ts')).domains,
    usage: async () => (await import('./commands/usage.ts')).usage,
    credentials: async () => (await import('./commands/credentials.ts')).credentials,
  },
  'Migrations:': {
    status: async () => (await import('./commands/status.ts')).status,
    verify: async () => (await import('./commands/verify.ts')).verify,
    plan: async () => (await import('./commands/plan.ts')).plan,
    migrate: async () => (await import('./commands/migrate.ts')).migrate,
    rollback: async () => (await import('./commands/rollback.ts')).rollback,
    fake: async () => (await import('./commands/fake.ts')).fake,
    'migration:create': async () => (await import('./commands/create-migration.ts')).createMigration,
  },
  'In a tenant:': {
    shell: async () => (await import('./commands/shell.ts')).shell,
    run: async () => (await import('./commands/run.ts')).run,
    psql: async () => (await import('./commands/psql.ts')).psql,
    seed: async () => (await import('./commands/seed.ts')).seed,
    'create-superuser': async () => (await import('./commands/create-superuser.ts')).createSuperuser,
  },
};

function version(): string {
  const manifest: { version: string } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return manifest.version;
}
