import { expect, test } from 'vitest';
import { plainReadOf } from './plain-reads.ts';

test.each([
  'select "t0".* from "task" as "t0" where "t0"."id" = ?',
  'select "t0"."id", "t0"."title" from "task" as "t0" where "t0"."id" in (?, ?) and "t0"."done" is not null order by "t0"."id" desc limit ?',
  'select count(*) as "count" from "task" as "t0"',
  'select "t0".* from "task" as "t0" left join "list" as "l1" on "t0"."list_id" = "l1"."id" where ("l1"."name" like ? or "t0"."id" >= 7)',
])('made of names and the words of a select: %s', (text) => {
  expect(plainReadOf(text)).toBeDefined();
});

test.each([
  ['a function', 'select "look"() from "task"'],
  ['a function by its plain name', 'select look("id") from "task"'],
  ['a function in functional notation', 'select "t0"."id" from "look" ("t0")'],
  ['a lock', 'select "t0".* from "task" as "t0" for update'],
  ['a write', 'insert into "task" ("id") values (?)'],
  ['a write in a with', 'with x as (delete from "task") select ? from "x"'],
  ['what makes a table', 'select "t0".* into "copy" from "task" as "t0"'],
  ['an operator of somebody’s', 'select "t0".* from "task" as "t0" where "t0"."id" @> ?'],
  ['a cast', 'select "t0"."id"::text from "task" as "t0"'],
  ['a text', `select 'a' from "task"`],
  ['a comment', 'select "t0".* /* x */ from "task" as "t0"'],
  ['several statements', 'select 1; select 2'],
  ['a number that runs into a name', 'select 1e from "task"'],
  ['a name that a value would be put into', 'select "t0"."done?" from "task" as "t0" where "t0"."id" = ?'],
  ['a letter beyond ASCII', 'select é from "task"'],
])('not plain: %s', (_, text) => {
  expect(plainReadOf(text)).toBeUndefined();
});

test('reads that differ in their values only are known as one', () => {
  const text = 'select "t0".* from "task" as "t0" where "t0"."id" = ?';
  expect(plainReadOf(text)).toBe(plainReadOf(text));
});
