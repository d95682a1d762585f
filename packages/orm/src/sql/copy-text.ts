import { StringDecoder } from 'node:string_decoder';

/** The lines of the rows that COPY writes as text, as many at a time as have arrived. A line break in a value is escaped. */
export async function* rowLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<readonly string[]> {
  const decoder = new StringDecoder('utf8');
  const completed = lineSplitter();
  for await (const chunk of bytes) {
    const lines = completed(decoder.write(chunk as Buffer));
    if (lines.length > 0) yield lines;
  }
}

/** Gives the lines that each further piece of a text completes. A long line is looked at once, in however many pieces it comes. */
export function lineSplitter(): (piece: string) => readonly string[] {
  let begun: string[] = [];
  return (piece) => {
    const [first = '', ...others] = piece.split('\n');
    begun.push(first);
    const last = others.pop();
    if (last === undefined) return [];
    const lines = [begun.join(''), ...others];
    begun = [last];
    return lines;
  };
}

const escapes: Readonly<Record<string, string>> = {
  '\\b': '\b',
  '\\f': '\f',
  '\\n': '\n',
  '\\r': '\r',
  '\\t': '\t',
  '\\v': '\v',
  '\\\\': '\\',
};
const written = new Map(Object.entries(escapes).map(([text, character]) => [character, text]));

/** A value, out of what COPY writes for it. */
export function parseValue(field: string): string {
  return field.includes('\\') ? field.replace(/\\./g, (text) => escapes[text] ?? text.slice(1)) : field;
}

/** The values of one column, out of all that COPY writes. None may be null. */
export function valuesIn(text: string): string[] {
  return text.split('\n').slice(0, -1).map(parseValue);
}

/** What COPY writes for a value. */
export function writtenValue(value: string): string {
  return value.replace(/[\b\f\n\r\t\v\\]/g, (character) => written.get(character) ?? character);
}
