import { expect, test } from 'vitest';
import { causesOf } from './failure.ts';

test('what PostgreSQL says when it cannot store more is told with why', () => {
  const message = 'could not extend file "base/16621/16653": wrote only 4096 of 8192 bytes at block 1978';
  const cause = Object.assign(new Error(message), { code: '53100' });
  const failed = new Error('"import" failed.', { cause });
  expect(causesOf(failed)).toEqual([`${message} (53100: the disk of the server is full)`]);
});
