import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { addCommands, createProgram } from '../../packages/cli/src/program.ts';

type Command = ReturnType<typeof createProgram>['commands'][number];

/** The page that is generated. */
export const cliPage: string = join(import.meta.dirname, '..', 'reference', 'cli.md');

/** Generates the reference of the command line from the commands themselves. */
export async function generateCli(): Promise<void> {
  const program = createProgram();
  await addCommands(program);
  const commands = program.commands.filter((command) => command.name() !== 'help');
  const page = [
    '# Commands',
    'The commands of `omnitenant`, generated from its help. [How to use it](../guide/cli.md).',
    '```sh\nnpx @omnitenant/cli [options] <command>\n```',
    table('global option', optionsOf(program)),
    ...commands.flatMap((command) => section(command, 2)),
  ];
  await writeFile(cliPage, `${page.filter(Boolean).join('\n\n')}\n`);
}

function section(command: Command, level: number, parent = 'omnitenant'): string[] {
  const name = `${parent} ${command.name()}`;
  const subcommands = command.commands.filter((sub) => sub.name() !== 'help');
  return [
    `${'#'.repeat(level)} ${name.replace('omnitenant ', '')}`,
    prose(command.description() || command.summary()),
    `\`\`\`sh\n${[name, command.usage()].join(' ').trim()}\n\`\`\``,
    table(
      'argument',
      command.registeredArguments.map((argument) => ({
        term: argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
        description: argument.description,
        fallback: argument.defaultValue,
        choices: argument.argChoices,
      })),
    ),
    table('option', optionsOf(command)),
    after(command),
    ...subcommands.flatMap((sub) => section(sub, level + 1, name)),
  ];
}

interface Row {
  readonly term: string;
  readonly description: string;
  readonly fallback?: unknown;
  readonly choices?: readonly string[] | undefined;
}

function optionsOf(command: Pick<Command, 'options'>): Row[] {
  return command.options
    .filter((option) => !option.hidden)
    .map((option) => ({
      term: option.flags,
      description: option.description,
      fallback: option.negate ? undefined : (option.defaultValueDescription ?? option.defaultValue),
      choices: option.argChoices,
    }));
}

function table(title: string, rows: readonly Row[]): string {
  if (rows.length === 0) return '';
  const lines = rows.map(({ term, description, fallback, choices }) => {
    const more = [choices && `one of ${choices.join(', ')}`, fallback !== undefined && `default: ${fallback}`];
    return `| \`${term.replaceAll('|', '\\|')}\` | ${prose([description, ...more.filter(Boolean)].join('; '))} |`;
  });
  return [`| ${title} | |`, '| --- | --- |', ...lines].join('\n');
}

/** Text that a command adds to its help, such as examples. */
function after(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (added) => (text += added) });
  command.outputHelp();
  const added = stripVTControlCharacters(text.slice(command.helpInformation().length)).trim();
  // The call, two spaces, and what it does.
  const lines = added
    .replace(/^Examples:\n/, '')
    .split('\n')
    .map((line) => line.trim().replace(/ {2,}/, '$&# '));
  const fits = lines.every((line) => line.length <= columns);
  const shown = fits ? lines : lines.map((line) => line.replace(/^(.*?) {2,}(# .*)$/, '$2\n$1'));
  return added && `\`\`\`sh\n${shown.join('\n')}\n\`\`\``;
}

/** What fits beside the sidebar and the outline of a laptop. */
const columns = 84;

/** Escapes text for Markdown and Vue. */
function prose(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('{{', '&#123;&#123;');
}
