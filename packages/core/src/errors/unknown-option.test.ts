import { expect, test } from 'vitest';
import { misspelledOption, unknownOption } from './unknown-option.ts';

const known = { resolver: true, resources: true, publicHosts: true } as const;

test.each([
  [{ resolvers: 1 }, 'has no option "resolvers"; did you mean "resolver"?'],
  [{ resolver: 1, ressource: 1 }, 'has no option "ressource"; did you mean "resources"?'],
  [{ PublicHosts: 1 }, 'has no option "PublicHosts"; did you mean "publicHosts"?'],
  [{ public: 1 }, 'has no option "public"; did you mean "publicHosts"?'],
  [{ zzz: undefined }, 'has no option "zzz". It has: resolver, resources, publicHosts.'],
  [{ resolver: undefined }, undefined],
])('%j %s', (given, fault) => {
  expect(unknownOption(given, known)).toBe(fault);
});

test.each([
  [{ resolver: 1, connection: 1 }, undefined],
  [{ connection: 1, Resolver: 1 }, 'has no option "Resolver"; did you mean "resolver"?'],
  [{ publicHost: 1 }, 'has no option "publicHost"; did you mean "publicHosts"?'],
])('among options of another library %j %s', (given, fault) => {
  expect(misspelledOption(given, known)).toBe(fault);
});
