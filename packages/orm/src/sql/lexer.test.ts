import { describe, expect, test } from 'vitest';
import { codeOf, commandOf, controlsTransactions, endsTransaction, statementsOf } from './lexer.ts';

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
    // Right after a body, another one begins, or a text with escapes.
    ["select $$a$$$$; ' $$; select 2 --'", ["select $$a$$$$; ' $$", " select 2 --'"]],
    [String.raw`select $$a$$E'\'; select 2; --'`, [String.raw`select $$a$$E'\'; select 2; --'`]],
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
  ['commit', 'COMMIT'],
  ['/* a */ -- b\n Rollback work', 'ROLLBACK'],
  ['/* /* nested */ */start/**/transaction', 'START'],
  ['', ''],
  ['"commit"', ''],
])('the command of "%s" is %s', (statement, command) => {
  expect(commandOf(statement)).toBe(command);
});

test('what begins or ends a transaction is seen anywhere in a message, and nowhere in a text, a name or a body', () => {
  for (const sql of [
    'commit',
    'select 1;/**/rollback;',
    'commit/**/and/**/chain',
    'begin',
    "prepare transaction 'x'",
  ]) {
    expect(controlsTransactions(sql), sql).toBe(true);
  }
  for (const sql of [
    'select 1',
    'select case when 1 = 1 then 2 end; select 2',
    `insert into a values ('; commit')`,
    'select 1 as "; commit"',
    'create function f() returns int begin atomic select 1; end',
  ]) {
    expect(controlsTransactions(sql), sql).toBe(false);
  }
});

test('what ends a transaction is told from what goes back in it, goes on with another, or is something else', () => {
  for (const sql of [
    'commit',
    ' COMMIT',
    'commit work',
    '/* a */ end',
    'abort transaction',
    '-- a\nrollback',
    'commit and no chain',
    "prepare transaction 'x'",
  ]) {
    expect(endsTransaction(sql), sql).toBe(true);
  }
  for (const sql of [
    'commit and chain',
    'commit/**/and/**/chain',
    'rollback to a',
    'rollback work to savepoint "a b"',
    'release a',
    'begin',
    'prepare a as select 1',
    "commit prepared 'x'",
    "select 'commit'",
    'endless',
  ]) {
    expect(endsTransaction(sql), sql).toBe(false);
  }
});

test('the code of a statement has nothing in its texts, names and comments', () => {
  expect(codeOf(`create function "begin atomic"() as 'set role' /* do */ -- do`)).toBe(`create function ""() as ''`);
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
    codeOf(sql);
    controlsTransactions(sql);
    endsTransaction(`commit ${sql}`);
    expect(statementsOf(`${sql};commit`).length).toBeGreaterThan(0);
  }
});
