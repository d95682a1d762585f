import { describe, expect, test } from 'vitest';
import { afterFailure, ending, envelopesOf } from './envelopes.ts';

const pin = ['set local search_path to "t_acme", pg_temp'];
const { any, read, first, last } = envelopesOf(pin);

describe('an envelope is chosen by where the connection stands', () => {
  test('in no transaction, a statement is one by itself, with the pin in it, and leaves nothing', () => {
    expect(any('I')).toEqual({ before: ['begin', ...pin], after: ['commit', 'discard all'], leavesNothing: true });
  });

  test('before the server has said where it stands, as well', () => {
    expect(any(null)).toEqual(any('I'));
  });

  test('a read that leaves nothing has nothing to clear up', () => {
    expect(read('I')).toEqual({ before: ['begin', ...pin], after: ['commit'], leavesNothing: true });
  });

  test('a transaction begins with its first statement, and the pin', () => {
    expect(first('begin isolation level serializable')('I')).toEqual({
      before: ['begin isolation level serializable', ...pin],
      after: [],
      leavesNothing: false,
    });
  });

  test('what ends a transaction clears up behind it, also one that has failed', () => {
    expect(last('T')).toEqual({ before: pin, after: ['discard all'], leavesNothing: true });
    expect(last('E')).toEqual({ before: [], after: ['discard all'], leavesNothing: true });
    expect(last('I')).toEqual(any('I'));
  });

  test.each([any, read, first('begin')])('in a transaction each statement has the pin in front of it', (envelope) => {
    expect(envelope('T')).toEqual({ before: pin, after: [], leavesNothing: false });
  });

  test.each([any, read, first('begin')])(
    'in one that has failed nothing is added, as PostgreSQL runs nothing',
    (envelope) => {
      expect(envelope('E')).toEqual({ before: [], after: [], leavesNothing: false });
    },
  );
});

test('a statement behind one that has failed by itself ends that transaction first', () => {
  expect(afterFailure(any('I')).before).toEqual(['rollback', 'begin', ...pin]);
});

test('the end of a transaction clears up', () => {
  expect(ending()).toEqual({ before: [], after: ['discard all'], leavesNothing: true });
});
