import { expect, test } from 'vitest';
import { isPlain, Shape } from './plain-reads.ts';

test.each([
  'select "u0".* from "user" as "u0" where "u0"."id" = ? limit 1',
  'select count(*) as "count" from "user" as "u0" where lower("u0"."name") in (?, ?)',
  '  SELECT a.name, max(b.id) from author a left join book b on (b.author_id = a.id) group by a.name',
])('is plain, and may share a connection: %s', (sql) => {
  expect(isPlain(sql)).toBe(true);
});

test.each([
  'start/**/transaction /* ? */',
  'start--\ntransaction isolation level serializable',
  'set local role ?',
  'savepoint a',
  'select f/**/(?)',
  'select pg_terminate_backend--\n(?)',
  'select "f"(?)',
  'select fué(?)',
  'select prücount(?)',
  'select count\u00a0(?)',
  'select s.count(?)',
  'select 1into t from author',
  'select name into t from author',
  'select ?; commit',
  'update author set name = ?',
])('is not, and has a connection alone: %s', (sql) => {
  expect(isPlain(sql)).toBe(false);
});

test('a form of statement shares once it was quick alone, and not for a minute after it was slow', () => {
  const shape = new Shape('select name from author where id = ?');
  expect(shape.quick).toBe(false);
  shape.doneSince(performance.now());
  expect(shape.quick).toBe(true);
  shape.wasSlow();
  shape.doneSince(performance.now());
  expect(shape.quick).toBe(false);
});
