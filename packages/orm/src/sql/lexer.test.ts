import { describe, expect, test } from 'vitest';
import { endingsOf } from '../session/cleanup.ts';
import { endsTransaction, mayEndTransaction, opensTransaction, statementsOf } from './lexer.ts';

describe('the statements of a message', () => {
  test.each([
    ['select 1', ['select 1']],
    [' ; select 1;; ', [' select 1']],
    ['select 1; -- ; no\nselect 2', ['select 1', ' -- ; no\nselect 2']],
    [`select ';', 'it''s;', "a;""b" ; select 2`, [`select ';', 'it''s;', "a;""b" `, ' select 2']],
    [
      String.raw`select E'\';', e'a''\\'; select 'a\'; select 2`,
      [String.raw`select E'\';', e'a''\\'`, String.raw` select 'a\'`, ' select 2'],
    ],
    ['select $$;$$, $a$ $$;$b$; $a$; select $1', ['select $$;$$, $a$ $$;$b$; $a$', ' select $1']],
    [`/* /* */ ' */ select 1; select '2'`, [`/* /* */ ' */ select 1`, ` select '2'`]],
    ['select 1; /* never closed ; select 2', ['select 1', ' /* never closed ; select 2'].slice(0, 1)],
    [
      'create function f() returns int begin atomic select 1; select 2; end; select 3',
      ['create function f() returns int begin atomic select 1; select 2; end', ' select 3'],
    ],
    ['create procedure p() begin atomic end; select 1', ['create procedure p() begin atomic end', ' select 1']],
    ['select 1; select 2 -- begin atomic', ['select 1', ' select 2 -- begin atomic']],
    [
      "create function f() as 'begin atomic'; select 1; end",
      ["create function f() as 'begin atomic'", ' select 1', ' end'],
    ],
    // A comment ends with its line, and lines end as on any system.
    ['select 1 --\r; select 2', ['select 1 --\r', ' select 2']],
    // To PostgreSQL each character beyond ASCII is a letter, and the names of bodies are told apart by case.
    ["select $é$ ' $é$; select 2; --'", ["select $é$ ' $é$", ' select 2']],
    ['select 1 as é$$; select 2 -- $$', ['select 1 as é$$', ' select 2 -- $$']],
    ["select $a$ x $A$ ' $a$ ; select 2; --'", ["select $a$ x $A$ ' $a$ ", ' select 2']],
    [String.raw`select ée'\'; select 2; --'`, [String.raw`select ée'\'`, ' select 2']],
    // A text goes on in a text on a later line, and by the same rules.
    ["select E'a' -- b\n'\\''; select 2; --'", ["select E'a' -- b\n'\\''", ' select 2']],
    ["select E'a' '\\'; select 2", ["select E'a' '\\'", ' select 2']],
  ])('%s', (sql, statements) => {
    expect(statementsOf(sql)).toEqual(statements);
  });
});

test.each([
  ['commit', true, false],
  ['/* a */ -- b\n COMMIT WORK', true, false],
  ['end', true, false],
  ['abort', true, false],
  ['rollback', true, false],
  ['rollback and chain', true, true],
  ['commit transaction and chain', true, true],
  ['commit and no chain', true, false],
  [`prepare transaction 'x'`, true, false],
  [`commit prepared 'x'`, false, false],
  ['rollback to savepoint a', false, false],
  ['rollback work to a', false, false],
  ['begin isolation level serializable', false, true],
  ['start transaction', false, true],
  ['prepare a as select 1', false, false],
  ['select 1', false, false],
])('whether "%s" ends its transaction: %s, and leaves one open: %s', (statement, ends, opens) => {
  expect([endsTransaction(statement), opensTransaction(statement)]).toEqual([ends, opens]);
});

test('a message without an end in it is not looked into', () => {
  for (const sql of [
    'select 1',
    'select case when 1 = 1 then 2 end; select 2',
    'commit',
    `insert into a values ('commit')`,
  ]) {
    expect(mayEndTransaction(sql), sql).toBe(false);
  }
  for (const sql of ['commit; select 1', '/* a */commit and chain', 'select 1;rollback;']) {
    expect(mayEndTransaction(sql), sql).toBe(true);
  }
});

// What takes more than linear time does not end before the test's time is up.
test('a long text is read once', () => {
  const sql = `insert into a values ('${"it''s; commit ".repeat(100_000)}'); commit; select E'${"\\';".repeat(100_000)}'`;
  expect(statementsOf(sql)).toHaveLength(3);
  expect(statementsOf(`select E'${'a'.repeat(100_000)}; select 2`)).toHaveLength(1);
});

test('a text of white space, comments or quotes is read once', () => {
  for (const part of ['\n', ' ', '\n;', '\t/', '/**/', '--\n', "''", '$a', '$$', 'set ', 'prepare ']) {
    const sql = `select 1;${part.repeat(100_000)}`;
    mayEndTransaction(sql);
    endingsOf(sql);
    expect(statementsOf(`${sql};commit`).length).toBeGreaterThan(0);
  }
});
