import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { PlainRead, plainReadOf, quickMs } from './plain-reads.ts';

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

describe('a form', () => {
  let form: PlainRead;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    form = new PlainRead('select 1');
  });

  function takes(ms: number, terms?: { readonly wasCut: boolean }): void {
    const start = performance.now();
    vi.advanceTimersByTime(ms);
    form.doneSince(start, terms);
  }

  test('is quick when one of it was, by itself', () => {
    expect(form.quick).toBe(false);
    takes(1);
    expect(form.quick).toBe(true);
    takes(quickMs);
    expect(form.quick).toBe(false);
  });

  test('of which one was cut, and is slow by itself as well, is slow for a minute', () => {
    takes(1);
    form.cut();
    takes(quickMs, { wasCut: true });
    takes(1);
    expect(form.quick).toBe(false);
    vi.advanceTimersByTime(60_000);
    takes(1);
    expect(form.quick).toBe(true);
  });

  test('of which one was cut, and is quick by itself, is quick', () => {
    takes(1);
    form.cut();
    takes(1);
    expect(form.quick).toBe(false);
    takes(1, { wasCut: true });
    expect(form.quick).toBe(true);
  });

  test('that is cut again and again, however quick it is by itself, is slow for a minute', () => {
    takes(1);
    for (let n = 0; n < 3; n += 1) {
      expect(form.quick).toBe(true);
      for (let reads = 0; reads < 5; reads += 1) form.cut();
      takes(1, { wasCut: true });
    }
    expect(form.quick).toBe(false);
    vi.advanceTimersByTime(60_000);
    takes(1);
    expect(form.quick).toBe(true);
  });

  test('of which one was cut, and never answered, is slow for a minute', () => {
    takes(1);
    form.cut();
    vi.advanceTimersByTime(59_000);
    takes(1);
    expect(form.quick).toBe(false);
  });
});
