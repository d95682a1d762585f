import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy } from '@omnitenant/core';
import { plainDatabase } from '@omnitenant/tooling';
import pg from 'pg';
import { expect, test } from 'vitest';
import { createOrm } from '../src/orm.ts';
import type { Isolation } from '../src/placement/placement.ts';
import { AddCountries, Author, Country, CreateLibrary, libraryEntities } from '../src/testing/library.ts';

async function open(isolation: Isolation, roles: boolean) {
  const database = await plainDatabase();
  const name = (id: string) => `${database.name}_${id}`;
  const orm = await createOrm(
    defineConfig({
      clientUrl: database.url,
      entities: libraryEntities,
      migrations: { migrationsList: [CreateLibrary, AddCountries] },
    }),
    { isolation, roles, shared: [Country], names: { database: name, role: name } },
  );
  const tenancy = createTenancy({ resources: [orm] });
  await tenancy.migrateCentral();
  const client = new pg.Client(database.url);
  await client.connect();
  return {
    orm,
    tenancy,
    query: async (sql: string) => (await client.query(sql)).rows,
    async [Symbol.asyncDispose]() {
      for await (const { id } of tenancy.tenants.all()) await tenancy.tenants.remove(id);
      await tenancy.close();
      await client.end();
      await database.drop();
    },
  };
}

test.each<[Isolation, boolean]>([
  ['schema', false],
  ['schema', true],
  ['database', false],
  ['row', true],
])('a reset tenant has all tables and no rows, and others keep theirs (%s, roles: %s)', async (isolation, roles) => {
  await using app = await open(isolation, roles);
  const { tenancy, orm } = app;
  const count = (id: string) => tenancy.run(id, () => orm.em.count(Author));
  for (const id of ['a', 'b']) {
    await tenancy.tenants.create({ id });
    await tenancy.run(id, () => orm.em.insert(Author, { name: `of ${id}` }));
  }
  const { placement } = await tenancy.tenants.get('a');
  expect(await tenancy.tenants.reset('a')).toMatchObject({ status: 'active', placement });
  expect([await count('a'), await count('b')]).toEqual([0, 1]);
  await tenancy.run('a', () => orm.em.insert(Author, { name: 'the first again' }));
  expect(await count('a')).toBe(1);
  expect((await orm.migrations.verify()).groups).toEqual([]);
  expect(await orm.migrations.up()).toMatchObject({ total: 0, failed: [] });
});

test('a tenant of each isolation is created without tables, and migrated and resumed later', async () => {
  for (const isolation of ['schema', 'database', 'row'] as const) {
    await using app = await open(isolation, false);
    const { tenancy, orm } = app;
    expect(await tenancy.tenants.create({ id: 'a' }, { migrate: false })).toMatchObject({ status: 'maintenance' });
    expect(await orm.migrations.up()).toMatchObject({ total: 1, migrated: 1 });
    await tenancy.tenants.resume('a');
    expect(await tenancy.run('a', () => orm.em.count(Author))).toBe(0);
  }
});

test('adopted storage is not reset', async () => {
  await using app = await open('schema', false);
  const { tenants } = app.tenancy;
  await tenants.create({ id: 'former' });
  await tenants.remove('former', { keepStorage: true });
  await tenants.adopt({ id: 'a', placement: { schema: 't_former' } });
  await app.tenancy.run('a', () => app.orm.em.insert(Author, { name: 'of former' }));
  await expect(tenants.reset('a')).rejects.toMatchObject({ code: 'TRANSITION_REFUSED', tenant: 'a' });
  expect(await app.tenancy.run('a', () => app.orm.em.count(Author))).toBe(1);
  await tenants.remove('a');
  await app.query('drop schema t_former cascade');
});
