import { paint } from './output.ts';

/** The examples at the end of a command's help: each call and what it does. */
export function examples(rows: Readonly<Record<string, string>>): string {
  const width = Math.max(...Object.keys(rows).map((call) => call.length));
  const lines = Object.entries(rows).map(([call, what]) => `  omnitenant ${call.padEnd(width)}  ${paint('dim', what)}`);
  return `\n${paint('bold', 'Examples:')}\n${lines.join('\n')}`;
}
