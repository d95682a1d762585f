import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import type { OmnitenantConfig } from '../application/config.ts';
import { configText } from '../application/config-template.ts';
import { ownConfig } from '../application/load-config.ts';
import { isolation } from '../application/options.ts';
import { withApplication } from '../application/session.ts';
import { examples } from '../terminal/examples.ts';
import { UsageError } from '../terminal/failure.ts';
import { isInteractive, note, print } from '../terminal/output.ts';
import type { CommonOptions, Program } from '../terminal/program.ts';
import { askChoice, askText, isolationChoices, isolationQuestion } from '../terminal/prompts.ts';

const mikroOrmConfigs = [
  'mikro-orm.config.ts',
  'src/mikro-orm.config.ts',
  'mikro-orm.config.js',
  'src/mikro-orm.config.js',
];

export function init(program: Program): void {
  program
    .command('init')
    .summary('write omnitenant.config.ts and a first migration')
    .description(
      'Writes omnitenant.config.ts for the application in this folder, and a first migration from its entities.',
    )
    .option(
      '--mikro-orm <path>',
      `the MikroORM configuration (default: ${mikroOrmConfigs[0]} here or in src, where there is one)`,
    )
    .option('--base <host>', 'the host whose subdomains are tenants (default: localhost)')
    .addOption(isolation)
    .addHelpText(
      'after',
      examples({ init: 'asks', 'init --base app.com --isolation database --no-input': 'in a script' }),
    )
    .action(async ({ mikroOrm, base, isolation }, command) => {
      const there = ownConfig();
      if (there !== undefined) throw new UsageError(`There is ${relative('.', there)} already; nothing was written.`);
      const config = mikroOrm ?? mikroOrmConfigs.find((path) => existsSync(path));
      if (config !== undefined && !existsSync(config)) throw new UsageError(`There is no file ${config}.`);
      const options = command.optsWithGlobals();
      const asked = isInteractive(options)
        ? { base: base ?? (await askBase(options)), isolation: isolation ?? (await askIsolation(options)) }
        : { base: base ?? 'localhost', isolation: isolation ?? 'schema' };
      const file = 'omnitenant.config.ts';
      writeFileSync(file, configText({ mikroOrm: config, ...asked }), { flag: 'wx' });
      try {
        await withApplication(command, ({ orm }) => writeFirstMigration(orm, file));
      } catch (error) {
        // So that it can be called again.
        rmSync(file);
        throw error;
      }
      note('Next: look at both, then omnitenant migrate --central, and omnitenant create');
    });
}

async function writeFirstMigration({ migrations }: OmnitenantConfig['orm'], config: string): Promise<void> {
  const [first] = await migrations.names();
  const made = first === undefined ? await migrations.create({ name: 'initial' }) : undefined;
  const blank = made && made.path === undefined ? await migrations.create({ name: 'initial', blank: true }) : undefined;
  print(`wrote ${config}`);
  if (first !== undefined) return note(`There are migrations already, the first of them ${first}.`);
  print(`wrote ${relative(process.cwd(), resolve(blank?.path ?? made?.path ?? ''))}`);
  if (blank) note('The migration is empty, because there are no entities yet.');
}

function askBase(options: CommonOptions): Promise<string> {
  const message = 'Whose subdomains are tenants?';
  return askText(options, { message, instead: '--base <host>', initial: 'localhost' });
}

function askIsolation(options: CommonOptions): Promise<string> {
  return askChoice(options, {
    message: isolationQuestion,
    instead: '--isolation <isolation>',
    choices: isolationChoices,
  });
}
