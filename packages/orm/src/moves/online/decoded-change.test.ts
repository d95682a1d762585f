import { expect, test } from 'vitest';
import { type DecodedRow, parseChange } from './decoded-change.ts';

function rowsOf(line: string): Record<string, string | undefined>[] {
  const change = parseChange(line);
  if (!('rows' in change)) throw new Error(`${change.kind} has no rows`);
  return change.rows.map((row: DecodedRow) => Object.fromEntries(row));
}

test('each kind of line is read', () => {
  expect(parseChange('BEGIN 745')).toEqual({ kind: 'begin', xid: 745 });
  expect(parseChange('COMMIT 745')).toEqual({ kind: 'commit' });
  expect(parseChange('message: transactional: 1 prefix: a, sz: 3 content:b c')).toEqual({
    kind: 'message',
    content: 'b c',
  });
  const tables = [
    { schema: 'public', table: 'author' },
    { schema: 'T x', table: 'a"b: , .c' },
  ];
  expect(parseChange('table public.author, "T x"."a""b: , .c": TRUNCATE: restart_seqs cascade')).toEqual({
    kind: 'truncate',
    tables,
  });
  expect(parseChange('table public.author: INSERT: id[integer]:1')).toMatchObject({ kind: 'insert', table: tables[0] });
  expect(parseChange('table public.author: DELETE: id[integer]:-1')).toMatchObject({ kind: 'delete' });
});

test('the values of a row are its texts, whatever is in them', () => {
  expect(
    rowsOf(
      `table a.b: INSERT: id[bigint]:-12 "na]: me"[text]:'it''s\n id[integer]:7 new-tuple: ''' mood["my ""]: type"]:'x' tags[text[]]:'{a,b}' ` +
        `bits[bit varying]:B'101' at[timestamp with time zone]:'2026-01-01 00:00:00+00' gone[text]:null big[text]:unchanged-toast-datum ok[boolean]:true`,
    ),
  ).toEqual([
    {
      id: '-12',
      'na]: me': `it's\n id[integer]:7 new-tuple: '`,
      mood: 'x',
      tags: '{a,b}',
      bits: '101',
      at: '2026-01-01 00:00:00+00',
      gone: undefined,
      big: undefined,
      ok: 'true',
    },
  ]);
});

test('an update of the key says both keys', () => {
  expect(rowsOf(`table a.b: UPDATE: old-key: id[text]:'x' new-tuple: id[text]:'y' n[integer]:1`)).toEqual([
    { id: 'x' },
    { id: 'y', n: '1' },
  ]);
  expect(rowsOf(`table a.b: UPDATE: id[text]:'y' n[integer]:1`)).toEqual([{ id: 'y', n: '1' }]);
  expect(rowsOf('table a.b: DELETE: (no-tuple-data)')).toEqual([]);
});

test.each([
  'BEGIN x',
  'table a.b: MERGE: id[integer]:1',
  'table a: INSERT: id[integer]:1',
  `table a.b: INSERT: id[text]:'never ends`,
  `table a.b: INSERT: id[text`,
  'table a.b: UPDATE: old-key: id[integer]:1',
  'something else',
])('what has no known form is refused: %s', (line) => {
  expect(() => parseChange(line)).toThrow(SyntaxError);
});
