import { stripVTControlCharacters, styleText } from 'node:util';

/** The styles that the commands use. */
export type Style = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold';

/** A line of what was asked for. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** A line about how it goes, which no pipe is given. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Styled where the stream is a terminal that wants colours: not with NO_COLOR. */
export function paint(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return styleText(style, text, { stream });
}

/** Text that came from elsewhere, such as a tenant's name, without what would steer the terminal. */
export function plain(text: string): string {
  return stripVTControlCharacters(text).replace(/\p{Cc}/gu, ' ');
}

/** Whether someone is there to be asked. */
export function isInteractive(options: { readonly input?: boolean }): boolean {
  return options.input !== false && process.stdin.isTTY === true && process.stderr.isTTY === true;
}
