import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { agentsText } from '../application/agents-text.ts';
import { askIsolation } from '../application/ask-isolation.ts';
import type { OmnitenantConfig } from '../application/config.ts';
import { configText, tenancyText } from '../application/config-template.ts';
import { ownConfig } from '../application/load-config.ts';
import { isolation } from '../application/options.ts';
import { readProject } from '../application/project.ts';
import { withApplication } from '../application/with-application.ts';
import { examples } from '../terminal/examples.ts';
import { UsageError } from '../terminal/failure.ts';
import { isInteractive, note, say } from '../terminal/output.ts';
import type { CommonOptions, Program } from '../terminal/program.ts';
import { askText } from '../terminal/prompts.ts';

export function init(program: Program): void {
  program
    .command('init')
    .summary('write tenancy.ts, omnitenant.config.ts and a first migration')
    .description(
      'Writes tenancy.ts, which your application imports, omnitenant.config.ts for this command, and a first migration from the entities.',
    )
    .option('--mikro-orm <path>', `MikroORM configuration (default: ${mikroOrmConfigs[0]}, here or in src)`)
    .option('--base <host>', 'parent host of the tenants (default: localhost)')
    .addOption(isolation)
    .option('--agents', 'also write AGENTS.md, the rules for coding assistants')
    .addHelpText(
      'after',
      examples({ init: 'asks', 'init --base app.com --isolation database --no-input': 'in a script' }),
    )
    .action(async ({ mikroOrm, base, isolation, agents }, command) => {
      const existing = ownConfig();
      if (existing) throw alreadyThere(relative('.', existing));
      const config = findMikroOrmConfig(mikroOrm);
      // Beside the configuration that it imports.
      const tenancy = join(dirname(config ?? '.'), 'tenancy.ts');
      const further = agents ? { [agentsFile]: agentsText } : {};
      const taken = [tenancy, ...Object.keys(further)].find((name) => existsSync(name));
      if (taken) throw alreadyThere(taken);
      const answers = {
        mikroOrm: config && `./${basename(config)}`,
        ...readProject(),
        ...(await ask(command.optsWithGlobals(), { base, isolation })),
      };
      const files = { [tenancy]: tenancyText(answers), [configFile]: configText(answers, tenancy), ...further };
      let hasTables = false;
      const written = await writeFiles(files, () =>
        withApplication(command, async ({ orm }) => {
          const migration = await writeFirstMigration(orm);
          hasTables = (await orm.migrations.names()).length + migration.length > 0;
          return migration;
        }),
      );
      for (const name of written) say(`wrote ${name}`);
      const next = hasTables ? 'omnitenant migrate --central' : 'omnitenant migration:create';
      const review = hasTables ? 'review the files' : `add your entities to ${tenancy}`;
      note(`Next: ${review}, import orm and tenancy from ${tenancy}, and run: ${next}`);
    });
}

/** Writes files, and what `next` writes with them. If that fails, deletes them, because the next try would be refused. */
async function writeFiles(files: Record<string, string>, next: () => Promise<readonly string[]>): Promise<string[]> {
  const written = Object.keys(files);
  for (const [name, text] of Object.entries(files)) writeFileSync(name, text, { flag: 'wx' });
  try {
    return [...written, ...(await next())];
  } catch (error) {
    for (const name of written) rmSync(name);
    throw error;
  }
}

const configFile = 'omnitenant.config.ts';
const agentsFile = 'AGENTS.md';

function alreadyThere(path: string): UsageError {
  return new UsageError(`${path} already exists; nothing was written.`);
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

/** Returns the file that was written, if there was anything to write. */
async function writeFirstMigration({ migrations }: OmnitenantConfig['orm']): Promise<readonly string[]> {
  const [first] = await migrations.names();
  if (first !== undefined) {
    note(`There are already migrations, starting with ${first}.`);
    return [];
  }
  const { path } = await migrations.create({ name: 'initial' });
  if (path !== undefined) return [relative(process.cwd(), resolve(path))];
  note('There are no entities of tenants yet.');
  return [];
}
