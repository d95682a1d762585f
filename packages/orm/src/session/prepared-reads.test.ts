import { expect, test } from 'vitest';
import { preparableRead } from './prepared-reads.ts';

const text = 'select "t0".* from "task" as "t0" where "t0"."id" = ? and "t0"."title" = ? order by "t0"."id" limit ?';

test('values become parameters of the type that they have in the text; how many rows are wanted stays there', () => {
  const read = preparableRead(text.split('?'), ['-7', "'it''s'", '20']);
  expect(read).toEqual({
    statement:
      ' (int4, unknown) as select "t0".* from "task" as "t0" where "t0"."id" = $1 and "t0"."title" = $2 order by "t0"."id" limit 20',
    values: " (-7, 'it''s')",
  });
});

test('reads of the same form with values of other types are other statements', () => {
  const statementOf = (...literals: string[]) =>
    preparableRead('select "a" from "t" where "a" = ?'.split('?'), literals)?.statement;
  expect(statementOf('1')).toBe(statementOf('2'));
  expect(statementOf('1')).not.toBe(statementOf("'1'"));
  expect(statementOf('true')).not.toBe(statementOf("'true'"));
});

test('without values', () => {
  expect(preparableRead(['select count(*) from "t"'], [])).toEqual({
    statement: ' as select count(*) from "t"',
    values: '',
  });
});

test.each([['null'], ['1.5'], ['3000000000'], ['NaN'], ['Infinity'], ['1e21'], ["array['a']"], ['']])(
  'a value whose type depends on more than its form: %s',
  (literal) => {
    expect(preparableRead('select "a" from "t" where "a" = ?'.split('?'), [literal])).toBeUndefined();
  },
);

test('a page behind the first', () => {
  expect(preparableRead('select "a" from "t" limit ? offset ?'.split('?'), ['20', '40'])).toBeUndefined();
});

test('a text whose placeholders are not its values', () => {
  expect(preparableRead(text.split('?'), ['1'])).toBeUndefined();
});
