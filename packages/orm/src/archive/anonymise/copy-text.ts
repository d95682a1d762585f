import { StringDecoder } from 'node:string_decoder';

/** The lines of the rows that COPY writes as text, as many at a time as have arrived. A line break in a value is escaped. */
export async function* rowLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<readonly string[]> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of bytes) {
    const lines = (rest + decoder.write(chunk as Buffer)).split('\n');
    rest = lines.pop() ?? '';
    if (lines.length > 0) yield lines;
  }
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

/** What COPY writes for a value. */
export function writtenValue(value: string): string {
  return value.replace(/[\b\f\n\r\t\v\\]/g, (character) => written.get(character) ?? character);
}
