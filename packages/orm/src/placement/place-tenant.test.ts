import { expect, test } from 'vitest';
import { type PlacementContext, placeTenant } from './place-tenant.ts';

const context: PlacementContext = {
  isolation: 'schema',
  servers: new Set(['default', 'eu']),
  centralDatabase: 'app',
  extensions: 'extensions',
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
    database: 'app_acme',
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
  const other = placeTenant(
    { id: 'a'.repeat(48) },
    { ...context, centralDatabase: `${'b'.repeat(62)}c`, hasRole: () => true },
  );
  expect(other.placement.role).not.toBe(placement.role);
});

test.each([
  [{ isolation: 'galaxy' }, 'ISOLATION_UNKNOWN', /"galaxy".*"schema", "database", "row"/],
  [{ placement: { server: 'mars' } }, 'TENANT_INVALID', /no server "mars"/],
  [{ placement: { schema: 'public' } }, 'TENANT_INVALID', /is reserved/],
  [{ placement: { schema: 'central' } }, 'TENANT_INVALID', /is reserved/],
  [{ placement: { schema: 'extensions' } }, 'TENANT_INVALID', /is for extensions/],
  [{ isolation: 'row', placement: { schema: 'extensions' } }, 'TENANT_INVALID', /is for extensions/],
  [{ placement: { schema: 'pg_catalog' } }, 'TENANT_INVALID', /not a valid name for a schema/],
  [{ placement: { schema: 'a"; drop schema b' } }, 'TENANT_INVALID', /not a valid name for a schema/],
  [{ placement: { schema: 'a'.repeat(64) } }, 'TENANT_INVALID', /not a valid name for a schema/],
  [{ placement: { schema: "a'" } }, 'TENANT_INVALID', /not a valid name for a schema/],
  [{ isolation: 'database', placement: { database: 'app' } }, 'TENANT_INVALID', /central's/],
  [{ isolation: 'database', placement: { database: 'template1' } }, 'TENANT_INVALID', /is reserved/],
  [{ isolation: 'database', placement: { database: 'A' } }, 'TENANT_INVALID', /not a valid name for a database/],
  [{ placement: { tabel: 'a' } }, 'TENANT_INVALID', /not "tabel"/],
  [{ placement: { server: 'eu', url: 'env:ACME_URL' } }, 'TENANT_INVALID', /both a server and a url/],
  [{ placement: { url: 'env:ACME_URL' } }, 'TENANT_INVALID', /only a tenant of isolation "database"/],
  [
    { isolation: 'database', placement: { url: 'postgresql://u:secret@h/d' } },
    'TENANT_INVALID',
    /orm.credentials.seal/,
  ],
])('%j is refused as %s', (draft, code, message) => {
  expect(() => placeTenant({ id: 'acme', ...draft } as never, context)).toThrow(
    expect.objectContaining({ code, tenant: 'acme', message: expect.stringMatching(message) }),
  );
});

test('a tenant on a server of its own gets the server name that stands for it, and a URL is never repeated', () => {
  const url = 'env:ACME_URL';
  expect(placeTenant({ id: 'acme', isolation: 'database', placement: { url } }, context).placement).toEqual({
    server: 'own',
    database: 'app_acme',
    schema: 'public',
    url,
  });
  const readable = { id: 'acme', isolation: 'database', placement: { url: 'postgresql://u:secret@h/d' } };
  expect(() => placeTenant(readable, context)).toThrow(expect.not.objectContaining({ message: /secret/ }));
});

test('the names that the application gives come before the defaults', () => {
  const names = { schema: (id: string) => `s_${id}`, database: (id: string) => `d_${id}`, rows: 'shared' };
  const placed = (['schema', 'database', 'row'] as const).map(
    (isolation) => placeTenant({ id: 'acme', isolation }, { ...context, names }).placement,
  );
  expect(placed.map(({ database, schema }) => `${database}.${schema}`)).toEqual([
    'app.s_acme',
    'd_acme.public',
    'app.shared',
  ]);
});

test('tenants that share tables share a role', () => {
  const roleOf = (id: string) =>
    placeTenant({ id, isolation: 'row' }, { ...context, hasRole: () => true }).placement.role;
  expect(roleOf('acme')).toBe('app_rows_tenants');
  expect(roleOf('bloom')).toBe('app_rows_tenants');
});

test.each(['rows', 'extensions'])('the id "%s" does not lead to the schema that others share', (id) => {
  const own = { ...context, names: { schema: (name: string) => name } };
  expect(placeTenant({ id }, own).placement.schema).toBe(`t_${id}`);
  expect(placeTenant({ id: 'acme' }, own).placement.schema).toBe('acme');
});
