import { expect, test } from 'vitest';
import { foreignKeyOrder } from './foreign-key-order.ts';

function order(references: Record<string, readonly string[]>) {
  return foreignKeyOrder(new Map(Object.entries(references)));
}

test('what is referred to comes first', () => {
  expect(order({ task: ['project', 'author'], project: ['author'], author: [] })).toEqual([
    ['author'],
    ['project'],
    ['task'],
  ]);
});

test('a table that refers to itself is a group of its own', () => {
  expect(order({ person: ['person'], pet: ['person'] })).toEqual([['person'], ['pet']]);
});

test('tables in a circle share a group, behind what they need and before what needs them', () => {
  expect(order({ c: ['a', 'root'], a: ['b'], b: ['c'], leaf: ['b'], root: [] })).toEqual([
    ['root'],
    ['a', 'b', 'c'],
    ['leaf'],
  ]);
});

test('two circles that touch are one', () => {
  expect(order({ a: ['b'], b: ['a', 'c'], c: ['b'] })).toEqual([['a', 'b', 'c']]);
});

test('tables of other schemas are left out', () => {
  expect(order({ task: ['central.country'] })).toEqual([['task']]);
});
