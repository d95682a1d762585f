import { describe, expect, test } from 'vitest';
import { isTenancyError } from '../errors/errors.ts';
import { isTenantId, parseTenantId, reservedTenantIds, type Tenant, tenantSnapshot } from './tenant.ts';

describe('a tenant id', () => {
  test.each(['a', 'acme', 'acme-inc', '7-eleven', 'a1', 'x'.repeat(48), 'a--b'])('can be %s', (id) => {
    expect(isTenantId(id)).toBe(true);
    expect(parseTenantId(id)).toBe(id);
  });

  const hostile: [string, unknown][] = [
    ['empty', ''],
    ['a quote', "acme'"],
    ['a double quote', 'acme"; drop schema public'],
    ['a semicolon', 'a;b'],
    ['a comma', 'nope,b'],
    ['two dots', '..'],
    ['a path', '../acme'],
    ['a dot', 'a.b'],
    ['a NUL', 'acme\0'],
    ['a line break at the end', 'acme\n'],
    ['a space', 'a b'],
    ['an underscore', 'a_b'],
    ['a glob', 'a*'],
    ['a colon', 'a:b'],
    ['a hyphen in front', '-acme'],
    ['a hyphen behind', 'acme-'],
    ['upper case', 'ACME'],
    ['mixed case', 'aCme'],
    ['an accent', 'café'],
    ['a Cyrillic look-alike', 'аcme'],
    ['a full-width letter', 'ａcme'],
    ['49 characters', 'x'.repeat(49)],
    ['64 bytes', 'x'.repeat(64)],
    ['digits only', '12345'],
    ['digits and hyphens only', '1-2'],
    ['punycode', 'xn--bcher-kva'],
    ['pg_', 'pg_catalog'],
    ['pg-', 'pg-catalog'],
    ['a number', 7],
    ['an array', ['acme']],
    ['an object that reads as an id', { toString: () => 'acme' }],
    ['null', null],
    ['undefined', undefined],
    ...reservedTenantIds.map((id): [string, string] => [`reserved: ${id}`, id]),
  ];

  test.each(hostile)('cannot be %s', (_, value) => {
    expect(isTenantId(value)).toBe(false);
    try {
      parseTenantId(value);
      expect.unreachable();
    } catch (error) {
      expect(isTenancyError(error, 'TENANT_INVALID')).toBe(true);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: that they are not there is the point
      expect((error as Error).message).not.toMatch(/[\x00-\x1f]/);
    }
  });

  test('that is very long is not repeated whole', () => {
    expect(() => parseTenantId('x'.repeat(100_000))).toThrow(/^.{1,250}$/);
  });
});

test('a snapshot is frozen at every depth and shares nothing with what it was made from', () => {
  const now = new Date();
  const source = {
    id: 'acme',
    name: 'Acme',
    status: 'active',
    isolation: 'schema',
    placement: { schema: 'acme' },
    config: { limits: { seats: [1, { max: 2 }] } },
    createdAt: now,
    updatedAt: now,
    tags: ['own'],
  } satisfies Tenant & { tags: string[] };
  const snapshot = tenantSnapshot(source);
  source.config.limits.seats[0] = 9;
  source.tags.push('later');
  now.setFullYear(1970);
  expect(snapshot.config).toEqual({ limits: { seats: [1, { max: 2 }] } });
  expect(snapshot.tags).toEqual(['own']);
  expect(snapshot.createdAt.getFullYear()).toBeGreaterThan(1970);
  expect(() => (snapshot.config.limits.seats as unknown[]).push(3)).toThrow(TypeError);
  expect(() => Object.assign(snapshot.config.limits.seats[1] as object, { max: 3 })).toThrow(TypeError);
  expect(() => Object.assign(snapshot, { name: 'x' })).toThrow(TypeError);
});
