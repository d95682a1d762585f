import { expect, test } from 'vitest';
import { valuesIn } from './copy-text.ts';

test('reads the values that COPY has written, with what it has escaped in them', () => {
  expect(valuesIn('one\ntwo\n')).toEqual(['one', 'two']);
  expect(valuesIn('')).toEqual([]);
  expect(valuesIn('\n')).toEqual(['']);
  expect(valuesIn('a\\nb\\tc\\\\n\n')).toEqual(['a\nb\tc\\n']);
});
