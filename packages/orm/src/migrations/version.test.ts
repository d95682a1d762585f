import { expect, test } from 'vitest';
import { digestOf, lastOf, versionOf } from './version.ts';

test('a version says the last migration, and differs where any other differs', () => {
  expect(versionOf(['a', 'b'])).toMatch(/^b#[0-9a-f]{8}$/);
  expect(versionOf(['a', 'b'])).not.toBe(versionOf(['c', 'b']));
  expect(versionOf([])).toBe('none');
});

test('the order in which migrations were applied does not change their digest', () => {
  expect(digestOf(['b', 'a', 'ä', 'Z'])).toBe(digestOf(['Z', 'a', 'b', 'ä']));
});

test('the digest is the md5 of the names, as PostgreSQL computes it', () => {
  // select md5(string_agg(name, e'\n' order by name collate "C")) from (values ('b'), ('a')) as log (name)
  expect(digestOf(['b', 'a'])).toBe('8cdeb44417f3c26826595d5820cf5700');
  expect(digestOf([])).toBe('d41d8cd98f00b204e9800998ecf8427e');
});

test('the last migration is read from a version, whatever its name holds', () => {
  expect(lastOf(versionOf(['a#1\n', 'b#2']))).toBe('b#2');
  expect(lastOf(versionOf(['a#1\n']))).toBe('a#1\n');
  expect(lastOf('none')).toBeUndefined();
  expect(lastOf('')).toBeUndefined();
});
