/** The values in what COPY has written of one column, as text. None may be null. */
export function valuesIn(text: string): string[] {
  return text.split('\n').slice(0, -1).map(unescaped);
}

/** Within a value, COPY writes a letter behind a backslash for what would end a line or a column. */
function unescaped(value: string): string {
  return value.replace(/\\(.)/g, (_, letter: string) => letters[letter] ?? letter);
}

const letters: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };
