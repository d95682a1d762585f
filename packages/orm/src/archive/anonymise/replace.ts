import type { ReplaceContext, Replacement } from './rules.ts';

const givenNames = [
  'Alex',
  'Ari',
  'Bo',
  'Cleo',
  'Dana',
  'Eden',
  'Flo',
  'Gray',
  'Indy',
  'Jo',
  'Kim',
  'Lou',
  'Max',
  'Noa',
];
const familyNames = [
  'Ash',
  'Birch',
  'Cedar',
  'Elm',
  'Fern',
  'Hazel',
  'Ivy',
  'Juniper',
  'Larch',
  'Maple',
  'Oak',
  'Rowan',
];
const words = [
  'amber',
  'basin',
  'cobalt',
  'delta',
  'ember',
  'field',
  'grove',
  'harbor',
  'inlet',
  'lumen',
  'meadow',
  'north',
];

/** Replacements for what most applications have. Those without `unique` are refused for the columns of a unique index. */
export const replace: {
  /** A name such as `Noa Larch`. */
  readonly name: Replacement;
  /** An address at example.com, which nobody has; unique. */
  readonly email: Replacement;
  /** A number of no country, such as `+999012345678`. */
  readonly phone: Replacement;
  /** Words, as long as the text was. */
  readonly text: Replacement;
  /** 32 hexadecimal digits; unique. */
  readonly hash: Replacement;
  /** A UUID of version 4; unique. */
  readonly uuid: Replacement;
  /** What `change` makes of a parsed value, for columns of JSON. */
  json(change: (value: unknown, context: ReplaceContext) => unknown): Replacement;
} = {
  name: (_, { seed }) => `${pick(givenNames, seed)} ${pick(familyNames, seed >>> 16)}`,
  email: (_, { token }) => `${token.slice(0, 20)}@example.com`,
  phone: (_, { seed }) => `+999${String(seed % 1e9).padStart(9, '0')}`,
  text: (value, { seed }) => textOf(value.length, seed),
  hash: (_, { token }) => token,
  uuid: (_, { token }) =>
    `${token.slice(0, 8)}-${token.slice(8, 12)}-4${token.slice(13, 16)}-a${token.slice(17, 20)}-${token.slice(20)}`,
  json: (change) => (value, context) => JSON.stringify(change(JSON.parse(value), context)),
};

/** Those of them that may give two values the same. */
const repeats: ReadonlySet<Replacement> = new Set([replace.name, replace.phone, replace.text]);

/** Whether a replacement is known to give two values the same now and then. */
export function mayRepeat(replacement: Replacement): boolean {
  return repeats.has(replacement);
}

function textOf(length: number, seed: number): string {
  const chosen: string[] = [];
  let state = seed;
  for (let size = 0; size < length; size += (chosen.at(-1)?.length ?? 0) + 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    chosen.push(pick(words, state >>> 16));
  }
  return chosen.join(' ').slice(0, length);
}

function pick(from: readonly string[], at: number): string {
  return from[at % from.length] ?? '';
}
