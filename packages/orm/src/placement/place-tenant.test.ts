import { expect, test } from 'vitest';
import { type PlacementContext, placementOf, placeTenant } from './place-tenant.ts';

const context: PlacementContext = {
  isolation: 'schema',
  servers: new Set(['default', 'eu']),
  centralDatabase: 'app',
  names: {},
  hasRole: () => false,
};

test('a tenant is placed by its isolation, and what it says itself comes first', () => {
  expect(placeTenant({ id: 'acme' }, context)).toEqual({
    isolation: 'schema',
    placement: { server: 'default', database: 'app', schema: 't_acme' },
  });
  expect(placeTenant({ id: 'acme', isolation: 'database', placement: { server: 'eu' } }, context).placement).toEqual({
    server: 'eu',
    database: 'tenant_acme',
    schema: 'public',
  });
  expect(placeTenant({ id: 'acme', isolation: 'row' }, context).placement.schema).toBe('rows');
  expect(placeTenant({ id: 'acme', placement: { database: 'shard-2', schema: 'a' } }, context).placement).toEqual({
    server: 'default',
    database: 'shard-2',
    schema: 'a',
  });
});

test('with roles, a tenant’s begins with the database’s name and is never longer than PostgreSQL allows', () => {
  const { placement } = placeTenant(
    { id: 'a'.repeat(48) },
    { ...context, centralDatabase: 'b'.repeat(63), hasRole: () => true },
  );
  expect(placement.role).toHaveLength(63);
});

test.each([
  [{ isolation: 'galaxy' }, 'ISOLATION_UNKNOWN', /'galaxy'.*schema, database, row/],
  [{ placement: { server: 'mars' } }, 'TENANT_INVALID', /no server 'mars'/],
  [{ placement: { schema: 'public' } }, 'TENANT_INVALID', /not a tenant's to have/],
  [{ placement: { schema: 'central' } }, 'TENANT_INVALID', /not a tenant's to have/],
  [{ placement: { schema: 'pg_catalog' } }, 'TENANT_INVALID', /no name for a schema/],
  [{ placement: { schema: 'a"; drop schema b' } }, 'TENANT_INVALID', /no name for a schema/],
  [{ placement: { schema: 'a'.repeat(64) } }, 'TENANT_INVALID', /no name for a schema/],
  [{ placement: { schema: "a'" } }, 'TENANT_INVALID', /no name for a schema/],
  [{ isolation: 'database', placement: { database: 'app' } }, 'TENANT_INVALID', /central's/],
  [{ isolation: 'database', placement: { database: 'A' } }, 'TENANT_INVALID', /no name for a database/],
  [{ placement: { tabel: 'a' } }, 'TENANT_INVALID', /not 'tabel'/],
])('%j is refused as %s', (draft, code, message) => {
  expect(() => placeTenant({ id: 'acme', ...draft } as never, context)).toThrow(
    expect.objectContaining({ code, tenant: 'acme', message: expect.stringMatching(message) }),
  );
});

test('a record that nobody placed is refused, not guessed at', () => {
  expect(() => placementOf({ id: 'acme', placement: {} } as never)).toThrow(/no placement/);
});
