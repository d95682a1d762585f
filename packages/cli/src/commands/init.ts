import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { askIsolation } from '../application/ask-isolation.ts';
import type { OmnitenantConfig } from '../application/config.ts';
import { configText } from '../application/config-template.ts';
import { ownConfig } from '../application/load-config.ts';
import { isolation } from '../application/options.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { UsageError } from '../terminal/failure.ts';
import { isInteractive, note, print } from '../terminal/output.ts';
import type { CommonOptions, Program } from '../terminal/program.ts';
import { askText } from '../terminal/prompts.ts';

export function init(program: Program): void {
  program
    .command('init')
    .summary('write omnitenant.config.ts and a first migration')
    .description(
      'Writes omnitenant.config.ts for the application in this folder, and a first migration from its entities.',
    )
    .option('--mikro-orm <path>', `MikroORM configuration (default: ${mikroOrmConfigs[0]}, here or in src)`)
    .option('--base <host>', 'host of which each tenant is a subdomain (default: localhost)')
    .addOption(isolation)
    .addHelpText(
      'after',
      examples({ init: 'asks', 'init --base app.com --isolation database --no-input': 'in a script' }),
    )
    .action(async ({ mikroOrm, base, isolation }, command) => {
      const existing = ownConfig();
      if (existing) throw new UsageError(`${relative('.', existing)} already exists; nothing was written.`);
      const config = findMikroOrmConfig(mikroOrm);
      const answers = await ask(command.optsWithGlobals(), { base, isolation });
      const file = 'omnitenant.config.ts';
      writeFileSync(file, configText({ mikroOrm: config, ...answers }), { flag: 'wx' });
      try {
        await withApplication(command, ({ orm }) => writeFirstMigration(orm, file));
      } catch (error) {
        // Otherwise the next try would be refused because the file exists.
        rmSync(file);
        throw error;
      }
      note('Next: review both files, then run omnitenant migrate --central and omnitenant create');
    });
}

const mikroOrmConfigs = ['ts', 'js'].flatMap((ending) => [
  `mikro-orm.config.${ending}`,
  `src/mikro-orm.config.${ending}`,
]);

function findMikroOrmConfig(given: string | undefined): string | undefined {
  if (given !== undefined && !existsSync(given)) throw new UsageError(`File "${given}" does not exist.`);
  return given ?? mikroOrmConfigs.find((path) => existsSync(path));
}

interface Answers {
  readonly base: string;
  readonly isolation: string;
}

async function ask(
  options: CommonOptions,
  { base, isolation }: { [Name in keyof Answers]: string | undefined },
): Promise<Answers> {
  if (!isInteractive(options)) return { base: base ?? 'localhost', isolation: isolation ?? 'schema' };
  return { base: base ?? (await askBase(options)), isolation: isolation ?? (await askIsolation(options)) };
}

function askBase(options: CommonOptions): Promise<string> {
  const message = 'Base host (each tenant is a subdomain of it)';
  return askText(options, { message, instead: '--base <host>', initial: 'localhost' });
}

async function writeFirstMigration({ migrations }: OmnitenantConfig['orm'], config: string): Promise<void> {
  const [first] = await migrations.names();
  if (first !== undefined) {
    print(`wrote ${config}`);
    return note(`There are already migrations, starting with ${first}.`);
  }
  const { path } = await migrations.create({ name: 'initial' });
  const written = path ?? (await migrations.create({ name: 'initial', blank: true })).path;
  print(`wrote ${config}`);
  print(`wrote ${relative(process.cwd(), resolve(written ?? ''))}`);
  if (path === undefined) note('The migration is empty because there are no entities yet.');
}
