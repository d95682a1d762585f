import { Argument, type CommandUnknownOpts } from '@commander-js/extra-typings';
import { examples } from '../terminal/examples.ts';
import { UsageError } from '../terminal/failure.ts';
import { print } from '../terminal/output.ts';
import type { Program } from '../terminal/program.ts';
import { type Shell, shellScripts } from '../terminal/shell-scripts.ts';

export function completion(program: Program): void {
  program
    .command('completion')
    .summary('print a script that completes commands in your shell')
    .description('Prints a script that completes commands, options and their choices in your shell.')
    .addArgument(new Argument('<shell>', 'your shell').choices([...Object.keys(shellScripts), 'words'] as const))
    .argument('[words...]', 'after words: the words typed so far; the scripts call this')
    .addHelpText(
      'after',
      examples({
        'completion bash >> ~/.bashrc': 'for bash; then open a new shell',
        'completion zsh >> ~/.zshrc': 'for zsh, after compinit',
        'completion fish > ~/.config/fish/completions/omnitenant.fish': 'for fish',
      }),
    )
    .action(async (shell, words) => {
      if (shell !== 'words') {
        if (words.length > 0) throw new UsageError(`completion ${shell} takes no more arguments.`);
        return print(shellScripts[shell as Shell]);
      }
      const found = candidates(program, words);
      if (found.length > 0) print(found.join('\n'));
    });
}

/** What the last of the words may become. */
function candidates(program: CommandUnknownOpts, words: readonly string[]): readonly string[] {
  const last = words.at(-1) ?? '';
  let command = program;
  let value: Option | undefined;
  for (const word of words.slice(0, -1)) {
    if (value !== undefined) value = undefined;
    else if (word.startsWith('-')) value = optionOf(command, word);
    else command = command.commands.find((sub) => sub.name() === word) ?? command;
  }
  if (value !== undefined) return startingWith(last, value.argChoices ?? []);
  if (last.startsWith('-'))
    return startingWith(
      last,
      optionsOf(command)
        .map(({ long }) => long ?? '')
        .filter(Boolean),
    );
  const choices = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
  return startingWith(last, [...command.commands.map((sub) => sub.name()), ...choices]);
}

type Option = CommandUnknownOpts['options'][number];

/** The command's own options and those of the commands that it belongs to. */
function optionsOf(command: CommandUnknownOpts): readonly Option[] {
  const shown = command.options.filter(({ hidden }) => !hidden);
  return command.parent === null ? shown : [...shown, ...optionsOf(command.parent)];
}

/** The option whose value comes next, if the word is one that takes a value. */
function optionOf(command: CommandUnknownOpts, word: string): Option | undefined {
  const found = optionsOf(command).find(({ long, short }) => word === long || word === short);
  return found?.required ? found : undefined;
}

function startingWith(start: string, words: readonly string[]): readonly string[] {
  return words.filter((word) => word.startsWith(start));
}
