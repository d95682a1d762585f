import { anything, assert, property } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countable, type Serializer } from './serializer.ts';

const own = countable(undefined);

function back(value: unknown, serializer: Serializer = own): unknown {
  return serializer.parse(serializer.stringify(value));
}

describe('a value comes back as it went in', () => {
  const bytes = new Uint8Array([0, 255, 7]);
  test.each<[string, unknown]>([
    ['a date', new Date(1)],
    ['no date', new Date(Number.NaN)],
    [
      'a map',
      new Map<unknown, unknown>([
        ['a', [1]],
        [{ b: 1n }, new Map([[1, undefined]])],
      ]),
    ],
    ['a set', new Set([1, 'a', new Date(2)])],
    ['a large integer', 12_345_678_901_234_567_890n],
    ['undefined in an object and in a list', { a: undefined, b: [undefined, 1] }],
    ['numbers that JSON does not have', [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 2 ** 60]],
    ['bytes', [bytes, Buffer.from('é'), bytes.subarray(1)]],
    ['a URL', new URL('https://app.com/a?b#c')],
    ['what looks like something special', { $: ['Date', 0], a: { $: 1 }, b: new Date(3) }],
    ['what looks like something special, alone', { $: ['Date', 0] }],
    ['a text that looks like a special one', ['!', '!{}', '=', '7', '-0']],
    ['awkward names', JSON.parse('{"__proto__":{"a":1},"constructor":1,"toString":null}')],
    ['an awkward name beside a date', Object.assign(JSON.parse('{"__proto__":1}'), { at: new Date(0) })],
    ['text of all kinds', ['', '\0', '\u2028', 'é', '😀', '\ud800']],
  ])('%s', (_, value) => {
    expect(back(value)).toStrictEqual(value);
    expect(back([value, { value }])).toStrictEqual([value, { value }]);
  });

  test('whatever it is made of', () => {
    const values = anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withNullPrototype: false,
    });
    assert(
      property(values, (value) => {
        expect(back(value)).toStrictEqual(value);
      }),
    );
  });
});

describe('what would not come back as it was is refused', () => {
  class Money {
    readonly amount = 1;
  }
  class Amounts extends Map {}
  const loop: { own?: unknown } = {};
  loop.own = loop;
  test.each<[string, unknown]>([
    ['an instance of Money', new Money()],
    ['an instance of Amounts', new Amounts()],
    ['an instance of Error', new Error('no')],
    ['an instance of RegExp', /a/],
    ['an instance of Float64Array', new Float64Array(1)],
    ['a function', { toJSON: () => 1 }],
    ['a symbol', [Symbol('a')]],
    ['holds itself', loop],
  ])('%s', (what, value) => {
    expect(() => own.stringify([{ value }])).toThrow(new RegExp(`${what}`));
  });
});

describe('a serializer of one’s own', () => {
  test('may be JSON, with what it loses', () => {
    const json = countable(JSON);
    expect(back({ at: new Date(0), left: undefined }, json)).toStrictEqual({ at: '1970-01-01T00:00:00.000Z' });
    expect(() => json.stringify(() => {})).toThrow(TypeError);
  });

  test('never meets a whole number, nor has its own text taken for one', () => {
    const odd = countable({ stringify: (value) => `${value}`, parse: (text) => `parsed ${text}` });
    expect(back(12, odd)).toBe(12);
    expect(back('12', odd)).toBe('parsed 12');
    expect(back('=', odd)).toBe('parsed =');
    expect(odd.stringify(-3)).toBe('-3');
  });
});

test('plain data is plain JSON', () => {
  for (const value of ['a', 1.5, null, true, { a: [1, { b: 'c' }] }])
    expect(own.stringify(value)).toBe(JSON.stringify(value));
});
