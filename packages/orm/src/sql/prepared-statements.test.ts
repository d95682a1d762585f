import { expect, test } from 'vitest';
import { PreparedStatements } from './prepared-statements.ts';

test('a statement is prepared once, and again only when it has ended', () => {
  const prepared = new PreparedStatements();
  const name = prepared.newNameFor('a') as string;
  expect(prepared.newNameFor('a')).toBeUndefined();
  expect(prepared.nameOf('a')).toBeUndefined();
  prepared.isPrepared('a', name);
  expect(prepared.nameOf('a')).toBe(name);
  prepared.forget('a');
  expect(prepared.nameOf('a')).toBeUndefined();
  expect(prepared.newNameFor('a')).not.toBe(name);
});

test('a session has a limited number of them, those that have failed or ended included', () => {
  const prepared = new PreparedStatements();
  const names: string[] = [];
  for (let n = 0; ; n += 1) {
    const name = prepared.newNameFor(`statement ${n}`);
    if (name === undefined) break;
    names.push(name);
    if (n % 2) prepared.isPrepared(`statement ${n}`, name);
    if (n % 4 === 3) prepared.forget(`statement ${n}`);
  }
  expect(names).toHaveLength(64);
  prepared.clear();
  expect(prepared.nameOf('statement 1')).toBeUndefined();
  expect(names).not.toContain(prepared.newNameFor('statement 1'));
});
