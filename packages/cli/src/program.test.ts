import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandUnknownOpts } from '@commander-js/extra-typings';
import { expect, test } from 'vitest';
import { addCommands, createProgram } from './program.ts';

const program = createProgram();
await addCommands(program);

function all(command: CommandUnknownOpts): CommandUnknownOpts[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(all);
}
function nameOf(command: CommandUnknownOpts): string {
  return command.parent?.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name();
}

test.each(all(program).map((command) => [nameOf(command), command] as const))(
  'the help of %s says what it does, and gives an example of it',
  (name, command) => {
    let help = '';
    command.configureOutput({ writeOut: (text) => (help += text), getOutHelpWidth: () => 200 });
    command.outputHelp();
    expect(command.description()).not.toBe('');
    expect(help).toMatch(new RegExp(`^Examples:\\n {2}omnitenant ${name}\\b`, 'm'));
    for (const option of command.options) expect(option.description).not.toBe('');
  },
);

test('no guide suggests a package of npm that is not ours', () => {
  const root = join(import.meta.dirname, '../../..');
  const pages = globSync(['README.md', 'docs/**/*.md', 'packages/*/README.md', 'examples/*/README.md'], { cwd: root })
    .filter((path) => !path.includes('node_modules'))
    .map((path) => [path, readFileSync(join(root, path), 'utf8')] as const);
  expect(pages.length).toBeGreaterThan(10);
  const suggesting = pages.filter(([, text]) => /\b(?:npx|dlx|bunx|npm exec)(?: -\S+)* omnitenant\b/.test(text));
  expect(suggesting.map(([path]) => path)).toEqual([]);
});
