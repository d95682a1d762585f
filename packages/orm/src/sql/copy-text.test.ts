import { expect, test } from 'vitest';
import { rowLines, valuesIn } from './copy-text.ts';

async function linesOf(pieces: Iterable<string>): Promise<string[]> {
  async function* bytes() {
    for (const piece of pieces) yield Buffer.from(piece);
  }
  const lines: string[] = [];
  for await (const some of rowLines(bytes())) lines.push(...some);
  return lines;
}

test.each(['a\tb\nc\td\n', '\n\n', 'ä\nöü\n', 'one\n'])(
  'the lines of %j are the same in whatever pieces they come',
  async (text) => {
    const expected = text.split('\n').slice(0, -1);
    for (let size = 1; size <= text.length; size += 1) {
      const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, n) =>
        text.slice(n * size, (n + 1) * size),
      );
      expect(await linesOf(pieces)).toEqual(expected);
    }
  },
);

test('a line that comes in many pieces costs no more than its length', { timeout: 10_000 }, async () => {
  const piece = 'x'.repeat(16_384);
  const [line] = await linesOf([...Array(4_000).fill(piece), '\n']);
  expect(line).toHaveLength(4_000 * piece.length);
});

test('reads the values that COPY has written, with what it has escaped in them', () => {
  expect(valuesIn('one\ntwo\n')).toEqual(['one', 'two']);
  expect(valuesIn('')).toEqual([]);
  expect(valuesIn('\n')).toEqual(['']);
  expect(valuesIn('a\\nb\\tc\\\\n\n')).toEqual(['a\nb\tc\\n']);
});
