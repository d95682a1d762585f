import { existsSync, writeFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { examples } from '../examples.ts';
import { UsageError } from '../failure.ts';
import { configText } from '../init-template.ts';
import { ownConfig } from '../load-config.ts';
import { isolation } from '../options.ts';
import type { Program } from '../program.ts';
import { askText } from '../prompts.ts';
import { withApplication } from '../session.ts';
import { isInteractive, note, print } from '../terminal.ts';

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
      examples({ init: 'asks', 'init --base app.com --isolation database --no-input': 'with flags' }),
    )
    .action(async ({ mikroOrm, base, isolation = 'schema' }, command) => {
      const there = ownConfig();
      if (there !== undefined) throw new UsageError(`There is ${relative('.', there)} already; nothing was written.`);
      const config = mikroOrm ?? mikroOrmConfigs.find((path) => existsSync(path));
      if (config !== undefined && !existsSync(config)) throw new UsageError(`There is no file ${config}.`);
      const options = command.optsWithGlobals();
      const host =
        base ??
        (isInteractive(options)
          ? await askText(options, {
              message: 'Whose subdomains are tenants?',
              instead: '--base <host>',
              initial: 'localhost',
            })
          : 'localhost');
      const file = 'omnitenant.config.ts';
      writeFileSync(file, configText({ mikroOrm: config, base: host, isolation }), { flag: 'wx' });
      print(`wrote ${file}`);
      await withApplication(command, async ({ orm }) => {
        const [first] = await orm.migrations.names();
        if (first !== undefined) return note(`There are migrations already, the first of them ${first}.`);
        const { path } = await orm.migrations.create({ name: 'initial' });
        const { path: written } =
          path === undefined ? await orm.migrations.create({ name: 'initial', blank: true }) : { path };
        print(`wrote ${relative(process.cwd(), resolve(written ?? ''))}`);
      });
      note('Next: look at both, then omnitenant migrate --central, and omnitenant create');
    });
}
