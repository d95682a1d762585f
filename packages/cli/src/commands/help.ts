import type { CommandUnknownOpts } from '@commander-js/extra-typings';
import { examples } from '../terminal/examples.ts';
import type { Program } from '../terminal/program.ts';

export function help(program: Program): void {
  program
    .command('help')
    .summary('show the help of a command')
    .description('Shows the help of a command, with examples.')
    .argument('[command...]', 'the name of the command')
    .addHelpText('after', examples({ 'help migrate': 'a command', 'help domains add': 'a subcommand' }))
    .action(async (path) => {
      let found: { readonly commands: readonly CommandUnknownOpts[] } = program;
      for (const name of path) {
        const next = found.commands.find((command) => command.name() === name);
        // The program reports the unknown command and suggests a similar one.
        if (next === undefined) return void (await program.parseAsync(path, { from: 'user' }));
        found = next;
      }
      (found as CommandUnknownOpts).help();
    });
}
