import { expect, test } from 'vitest';
import { isOlder } from './node-version.ts';

test.each([
  ['20.20.2', true],
  ['22.9.0', true],
  ['22.18.0', false],
  ['22.20.1', false],
  ['26.1.0', false],
])('Node %s is older than 22.18: %s', (version, older) => {
  expect(isOlder(version, '22.18')).toBe(older);
});
