import { describe, expect, test } from 'vitest';
import { appliedAfter, assumeUpTo, downTo, fakeTo, type Operation, upTo } from './operation.ts';

const names = ['first', 'second', 'third'];

/** The steps in short: `+` runs a migration up, `-` down, and brackets only mark it. */
function shortly(operation: Operation, applied: readonly string[]): string[] {
  return operation.stepsFrom(applied).map(({ name, direction, run }) => {
    const step = `${direction === 'up' ? '+' : '-'}${name}`;
    return run ? step : `(${step})`;
  });
}

describe('migrating up', () => {
  test('applies what is pending, in the order of the code', () => {
    expect(shortly(upTo(names), [])).toEqual(['+first', '+second', '+third']);
    expect(shortly(upTo(names), ['second'])).toEqual(['+first', '+third']);
    expect(shortly(upTo(names), names)).toEqual([]);
  });

  test('stops at the migration that is named', () => {
    expect(upTo(names, 'second').target).toEqual(['first', 'second']);
    expect(shortly(upTo(names, 'second'), ['third'])).toEqual(['+first', '+second']);
  });

  test('leaves what only newer code knows', () => {
    expect(shortly(upTo(names), ['newer'])).toEqual(['+first', '+second', '+third']);
  });
});

describe('migrating down', () => {
  test('reverts what comes after the migration that is named, newest first', () => {
    expect(shortly(downTo(names, 'first'), names)).toEqual(['-third', '-second']);
    expect(shortly(downTo(names, 'third'), names)).toEqual([]);
  });

  test('reverts all at 0, but nothing that is not applied or unknown to this code', () => {
    expect(shortly(downTo(names, 0), names)).toEqual(['-third', '-second', '-first']);
    expect(shortly(downTo(names, 0), ['second', 'newer'])).toEqual(['-second']);
  });
});

test('assuming marks as applied what came before, and keeps what came after', () => {
  expect(shortly(assumeUpTo(names, 'second'), ['third'])).toEqual(['(+first)', '(+second)']);
});

test('faking marks what came before as applied and the rest as pending', () => {
  expect(shortly(fakeTo(names, 'second'), ['first', 'third'])).toEqual(['(+second)', '(-third)']);
  expect(shortly(fakeTo(names, 0), ['first', 'third'])).toEqual(['(-third)', '(-first)']);
  expect(shortly(fakeTo(names), ['first'])).toEqual(['(+second)', '(+third)']);
  expect(shortly(fakeTo([]), [])).toEqual([]);
});

test.each([
  ['up', () => upTo(names, 'none')],
  ['down', () => downTo(names, 'none')],
  ['assumed', () => assumeUpTo(names, 'none')],
  ['faked', () => fakeTo(names, 'none')],
])('a migration that does not exist is not migrated %s', (_, make) => {
  const message = 'There is no migration "none". Known: "first", "second", "third".';
  expect(make).toThrow(expect.objectContaining({ code: 'MIGRATION_UNKNOWN', message }));
});

test('what is applied afterwards is in the order of the code, and what is unknown to it comes last', () => {
  const steps = upTo(names).stepsFrom(['newer', 'second']);
  expect(appliedAfter(names, ['newer', 'second'], steps)).toEqual([...names, 'newer']);
  expect(appliedAfter(names, names, downTo(names, 'first').stepsFrom(names))).toEqual(['first']);
});
