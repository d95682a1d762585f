import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy } from '@omnitenant/core';
import { plainDatabase, type TestDatabase } from '@omnitenant/tooling';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { createOrm } from '../src/orm.ts';
import type { OrmOptions } from '../src/orm-options.ts';
import { AddCountries, Author, Country, CreateLibrary, libraryEntities } from '../src/testing/library.ts';

async function openLibrary(database: TestDatabase, options: OrmOptions = {}) {
  const orm = await createOrm(
    defineConfig({
      clientUrl: database.url,
      entities: libraryEntities,
      migrations: { migrationsList: [CreateLibrary, AddCountries] },
    }),
    { shared: [Country], names: { database: (id) => `${database.name}_${id}` }, ...options },
  );
  const tenancy = createTenancy({ resources: [orm], verbs: { leaseMs: 300 } });
  await tenancy.migrateCentral();
  return {
    orm,
    tenancy,
    tenants: tenancy.tenants,
    write: (id: string, name: string) => tenancy.run(id, () => orm.em.insert(Author, { name })),
    read: (id: string) => tenancy.run(id, async () => (await orm.em.fork().find(Author, {})).map(({ name }) => name)),
    [Symbol.asyncDispose]: () => tenancy.close(),
  };
}

async function sql(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

describe.each(['schema', 'database', 'row'])('a tenant of isolation %s', (isolation) => {
  test('that is removed with its storage kept is adopted again under its own id, and seen by no other', async () => {
    await using database = await plainDatabase();
    await using app = await openLibrary(database);
    const { tenants, write, read } = app;
    const { placement } = await tenants.create({ id: 'acme', isolation });
    await write('acme', 'of acme');
    await tenants.create({ id: 'birch', isolation });
    await tenants.remove('acme', { keepStorage: true });
    expect(await tenants.tryGet('acme')).toBeUndefined();
    expect(await read('birch')).toEqual([]);

    // A new tenant of the same id gets nothing of it.
    if (isolation === 'row') {
      const cause = expect.objectContaining({ message: expect.stringContaining('Adopt the tenant instead') });
      await expect(tenants.create({ id: 'acme', isolation })).rejects.toMatchObject({ cause });
    } else {
      const successor = await tenants.create({ id: 'acme', isolation });
      expect(successor.placement).not.toEqual(placement);
      expect(await read('acme')).toEqual([]);
      await tenants.remove('acme');
    }
    const { server, database: name, schema } = placement as Record<string, string>;
    const place =
      isolation === 'row' ? {} : { placement: { server, database: name, schema } as Record<string, string> };
    // Nobody takes what a tenant has.
    const ofBirch = (await tenants.get('birch')).placement;
    if (isolation !== 'row') {
      const { server: at = '', database: of = '', schema: called = '' } = ofBirch;
      const theft = tenants.adopt({ id: 'cobalt', isolation, placement: { server: at, database: of, schema: called } });
      await expect(theft).rejects.toMatchObject({ code: 'PROVISION_FAILED' });
    }
    await tenants.adopt({ id: 'acme', isolation, ...place });
    expect(await read('acme')).toEqual(['of acme']);
    // Once adopted, it is left where it is in any case.
    await tenants.remove('acme', { keepStorage: true });
    await tenants.adopt({ id: 'acme', isolation, ...place });
    expect(await read('acme')).toEqual(['of acme']);
    await tenants.remove('birch');
    await tenants.remove('acme');
    if (isolation === 'database') await sql(database.url, `drop database "${name}" with (force)`);
  });
});

test('storage that is not there, or not the tenant’s, is not said to be kept', async () => {
  await using database = await plainDatabase();
  await using app = await openLibrary(database);
  const { tenants } = app;
  await tenants.create({ id: 'acme' });
  await sql(database.url, 'drop schema t_acme cascade');
  const kept = tenants.remove('acme', { keepStorage: true });
  await expect(kept).rejects.toMatchObject({
    code: 'REMOVE_FAILED',
    cause: expect.objectContaining({
      message: expect.stringContaining('"t_acme" of the tenant "acme" does not exist'),
    }),
  });
  await tenants.remove('acme');
});

describe.each(['schema', 'row'])('a tenant of isolation %s whose database is gone', (isolation) => {
  test('is forgotten, and when the database is back, what is left belongs to no new tenant but to who adopts it', async () => {
    await using database = await plainDatabase();
    const elsewhere = `${database.name}_elsewhere`;
    await sql(database.url, `create database "${elsewhere}"`);
    await using app = await openLibrary(database);
    const { tenants, orm, write, read } = app;
    const placement = { database: elsewhere };
    await tenants.create({ id: 'acme', isolation, placement });
    await write('acme', 'of acme');
    await orm.store.changes?.();
    await sql(database.url, `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${elsewhere}'`);
    await sql(database.url, `alter database "${elsewhere}" rename to "${elsewhere}_gone"`);
    await expect(tenants.remove('acme')).rejects.toMatchObject({ code: 'REMOVE_FAILED' });
    const { left } = await tenants.remove('acme', { forget: true });
    expect(left).toMatchObject([{ resource: 'orm', error: { code: 'SERVER_UNAVAILABLE' } }]);
    expect(await tenants.tryGet('acme')).toBeUndefined();

    await sql(database.url, `alter database "${elsewhere}_gone" rename to "${elsewhere}"`);
    await tenants.create({ id: 'acme', isolation, placement });
    expect(await read('acme')).toEqual([]);
    if (isolation === 'schema') {
      await tenants.adopt({ id: 'found', placement: { ...placement, schema: 't_acme' } });
      expect(await read('found')).toEqual(['of acme']);
      await tenants.remove('found');
    }
    await tenants.remove('acme');
    await sql(database.url, `drop database "${elsewhere}" with (force)`);
  });
});

test('a central of an earlier version archives and resumes tenants, until one is to be retained', async () => {
  await using database = await plainDatabase();
  await using app = await openLibrary(database);
  const { tenants } = app;
  await tenants.create({ id: 'acme' });
  await sql(database.url, 'alter table central.tenant drop column retain_until');
  expect((await tenants.archive('acme')).status).toBe('archived');
  expect((await tenants.resume('acme')).status).toBe('active');
  await sql(database.url, 'alter table central.tenant add column retain_until timestamptz');
  const retainUntil = new Date(Date.now() - 1_000);
  expect(await tenants.archive('acme', { retainUntil })).toMatchObject({ status: 'archived', retainUntil });
  expect(await tenants.purge()).toEqual({ due: ['acme'], purged: ['acme'], failed: [] });
  expect(await sql(database.url, `select 1 from pg_namespace where nspname = 't_acme'`)).toEqual([]);
});
