import { stripVTControlCharacters, styleText } from 'node:util';

/** The styles that the commands use. */
export type Style = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold';

/** Writes a line of the result to standard output. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Says what was done, on standard output; nothing with `--quiet`. */
export function say(line: string): void {
  if (!quiet) print(line);
}

/** Writes a line about progress, totals or what to do next to standard error; nothing with `--quiet`. */
export function note(line: string): void {
  if (!quiet) warn(line);
}

/** Writes a line about an error, or before a question, to standard error. */
export function warn(line: string): void {
  process.stderr.write(`${line}\n`);
}

let quiet = false;

/** `--quiet`: only results that were asked for, and errors. */
export function beQuiet(): void {
  quiet = true;
}

/** Whether the command runs with `--quiet`. */
export function isQuiet(): boolean {
  return quiet;
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
