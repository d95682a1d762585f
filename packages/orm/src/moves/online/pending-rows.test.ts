import { expect, test } from 'vitest';
import { parseSnapshot, pendingRows } from './pending-rows.ts';

test('a row is due until a snapshot sees the last transaction that has changed it', () => {
  const pending = pendingRows();
  pending.changed('author', '["1"]', 10);
  pending.changed('author', '["2"]', 11);
  pending.changed('author', '["1"]', 12);
  pending.settle(parseSnapshot('11:13:11'));
  expect(pending.due()).toEqual([{ table: 'author', isWhole: false, keys: ['["2"]'] }]);
  pending.settle(parseSnapshot('13:13:'));
  expect(pending.due()).toEqual([]);
});

test('a table that was truncated is due as a whole, until a snapshot sees that', () => {
  const pending = pendingRows();
  pending.changed('author', '["1"]', 10);
  pending.truncated('author', 11);
  expect(pending.due()).toEqual([{ table: 'author', isWhole: true, keys: [] }]);
  expect(pending.isWhole('author')).toBe(true);
  pending.settle(parseSnapshot('11:12:11'));
  expect(pending.due()).toMatchObject([{ isWhole: true }]);
  pending.settle(parseSnapshot('12:12:'));
  expect([pending.due(), pending.isWhole('author')]).toEqual([[], false]);
});

test('numbers of transactions may have begun again at zero', () => {
  const around = parseSnapshot('4294967290:4294967300:4294967297');
  expect([4294967289, 4294967295, 0, 1, 3, 4].map(around.sees)).toEqual([true, true, true, false, true, false]);
  expect(() => parseSnapshot('none')).toThrow(SyntaxError);
});
