import { stripVTControlCharacters, styleText } from 'node:util';

/** The styles that the commands use. */
export type Style = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold';

/** Writes a line of the result to standard output. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Writes a line about progress or errors to standard error. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Styles the text if the stream is a terminal with colors and NO_COLOR is not set. */
export function paint(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return styleText(style, text, { stream });
}

/** Removes control characters from foreign text, such as the name of a tenant. */
export function plain(text: string): string {
  return stripVTControlCharacters(text).replace(/\p{Cc}/gu, ' ');
}

/** True if the command may prompt: it runs on a terminal, without `--no-input`. */
export function isInteractive(options: { readonly input?: boolean }): boolean {
  return options.input !== false && process.stdin.isTTY === true && process.stderr.isTTY === true;
}
