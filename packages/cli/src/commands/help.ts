import type { CommandUnknownOpts } from '@commander-js/extra-typings';
import { examples } from '../terminal/examples.ts';
import type { Program } from '../terminal/program.ts';

export function help(program: Program): void {
  program
    .command('help')
    .summary('the help of a command')
    .description('The help of a command, with examples.')
    .argument('[command...]', 'its name')
    .addHelpText('after', examples({ 'help migrate': 'its options', 'help domains add': 'of a command of a command' }))
    .action(async (path) => {
      let found: { readonly commands: readonly CommandUnknownOpts[] } = program;
      for (const name of path) {
        const next = found.commands.find((command) => command.name() === name);
        // The program says that there is no such command, and which may be meant.
        if (next === undefined) return void (await program.parseAsync(path, { from: 'user' }));
        found = next;
      }
      (found as CommandUnknownOpts).help();
    });
}
