import { Migration } from '@mikro-orm/migrations';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy, isTenancyError } from '@omnitenant/core';
import { plainDatabase, type TestDatabase } from '@omnitenant/tooling';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { createOrm } from '../src/orm.ts';
import type { OrmOptions } from '../src/orm-options.ts';
import { AddCountries, Author, Country, CreateLibrary, libraryEntities } from '../src/testing/library.ts';

async function openProcess(
  url: string,
  options: OrmOptions = {},
  migrations: readonly (new (...args: never[]) => Migration)[] = [CreateLibrary, AddCountries],
) {
  const orm = await createOrm(
    defineConfig({
      clientUrl: url,
      entities: libraryEntities,
      migrations: { migrationsList: [...migrations] as never },
    }),
    { shared: [Country], ...options },
  );
  const tenancy = createTenancy({ resources: [orm], verbs: { leaseMs: 300 } });
  await tenancy.migrateCentral();
  return {
    orm,
    tenancy,
    tenants: tenancy.tenants,
    write: (id: string, name: string) => tenancy.run(id, () => orm.em.insert(Author, { name })),
    read: (id: string) => tenancy.run(id, async () => (await orm.em.fork().find(Author, {})).map(({ name }) => name)),
  };
}

async function outcomeOf(work: Promise<unknown>): Promise<unknown> {
  return work.catch((error) => (isTenancyError(error) ? error.code : 'refused by PostgreSQL'));
}

async function sql(database: TestDatabase, text: string, role?: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(database.url);
  await client.connect();
  try {
    if (role !== undefined) await client.query(`set role ${role}`);
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

const namesFor = (database: TestDatabase) => ({
  names: { database: (id: string) => `${database.name}_${id}`, role: (id: string) => `${database.name}_${id}` },
});

describe.each([
  ['schema', false],
  ['schema', true],
  ['database', false],
  ['row', false],
] as const)('the successor of a tenant of isolation %s (roles: %s)', (isolation, roles) => {
  test('is reached neither by a scope of the former, nor by a process that remembers it', async () => {
    await using database = await plainDatabase();
    const options = { roles, ...namesFor(database) };
    const app = await openProcess(database.url, options);
    const other = await openProcess(database.url, options);
    const first = await app.tenants.create({ id: 'acme', isolation });
    await app.write('acme', 'of the former');
    expect(await other.read('acme')).toEqual(['of the former']);

    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const running = app.tenancy.run('acme', async () => {
      await gate;
      await app.orm.em.insert(Author, { name: 'written late' });
    });
    const late = outcomeOf(running);
    const inTransaction = outcomeOf(
      app.tenancy.run('acme', async () => {
        await gate;
        await app.orm.em.transactional((em) => em.execute(`insert into author (name) values ('written late')`));
      }),
    );
    // It remembers the former tenant for as long as its scope runs.
    const elsewhere = outcomeOf(
      other.tenancy.run('acme', async () => {
        await gate;
        if (isolation === 'row')
          expect(await outcomeOf(other.orm.em.insert(Author, { name: 'written elsewhere' }))).toBe('TENANT_OUTDATED');
        return (await other.orm.em.fork().find(Author, {})).map(({ name }) => name);
      }),
    );
    await app.tenants.remove('acme');
    const second = await app.tenants.create({ id: 'acme', isolation });
    expect(second.placement).not.toEqual(first.placement);
    await app.write('acme', 'of the successor');
    open();
    expect(JSON.stringify(await elsewhere)).not.toContain('of the successor');
    // Shared tables stay, and have no row of the former tenant.
    expect(await elsewhere).toEqual(isolation === 'row' ? [] : 'TENANT_OUTDATED');
    expect(await Promise.all([late, inTransaction])).toEqual(['TENANT_OUTDATED', 'TENANT_OUTDATED']);
    if (isolation === 'row')
      expect(await sql(database, 'select name from rows.author', `${second.placement['role']}_owner`)).toEqual([
        { name: 'of the successor' },
      ]);
    expect(await app.read('acme')).toEqual(['of the successor']);
    await app.tenants.remove('acme');
    await Promise.all([app.tenancy.close(), other.tenancy.close()]);
  });
});

test.each(['schema', 'database'])(
  'who holds a removed tenant of isolation %s is told so, without a successor too',
  async (isolation) => {
    await using database = await plainDatabase();
    const app = await openProcess(database.url, namesFor(database));
    const other = await openProcess(database.url, namesFor(database));
    await app.tenants.create({ id: 'acme', isolation });
    expect(await other.read('acme')).toEqual([]);
    const held = await other.tenants.get('acme');
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const late = other.tenancy.run(held, async () => {
      await gate;
      // A query, one through Kysely with a connection that is held, and what is no consequence of the removal.
      const outcomes = [outcomeOf(other.orm.em.fork().find(Author, {}))];
      outcomes.push(outcomeOf(other.orm.em.fork().transactional((em) => em.find(Author, {}))));
      return Promise.all(outcomes);
    });
    await app.tenants.remove('acme');
    open();
    expect(await late).toEqual(['TENANT_OUTDATED', 'TENANT_OUTDATED']);
    await app.tenants.create({ id: 'birch', isolation });
    const typo = app.tenancy.run('birch', () => app.orm.em.execute('select * from no_such_table'));
    await expect(typo).rejects.toMatchObject({ code: '42P01' });
    await app.tenants.remove('birch');
    await Promise.all([app.tenancy.close(), other.tenancy.close()]);
  },
);

test('a schema that another tenant had is not given to the next, who gets one of nearly that name', async () => {
  await using database = await plainDatabase();
  const app = await openProcess(database.url);
  const placement = { schema: 'shop' };
  expect((await app.tenants.create({ id: 'first', placement })).placement.schema).toBe('shop');
  await app.tenants.remove('first');
  expect((await app.tenants.create({ id: 'second', placement })).placement.schema).toBe('shop_2');
  await app.tenants.remove('second');
  expect((await app.tenants.create({ id: 'first', placement })).placement.schema).toBe('shop_3');
  expect((await app.tenants.create({ id: 'other' })).placement.schema).toBe('t_other');
  await app.tenancy.close();
});

test('a creation that failed uses up no name', async () => {
  await using database = await plainDatabase();
  let divisor = 0;
  class Fails extends Migration {
    override async up(): Promise<void> {
      this.addSql('select 1');
      await this.execute(`select 1 / ${divisor}`);
    }
  }
  const app = await openProcess(database.url, {}, [CreateLibrary, AddCountries, Fails]);
  await expect(app.tenants.create({ id: 'acme' })).rejects.toMatchObject({ code: 'PROVISION_FAILED' });
  divisor = 1;
  expect((await app.tenants.create({ id: 'acme' })).placement.schema).toBe('t_acme');
  await app.tenancy.close();
});

test('two applications on one server have a database each for a tenant of the same id', async () => {
  await using one = await plainDatabase();
  await using two = await plainDatabase();
  const [production, staging] = await Promise.all([openProcess(one.url), openProcess(two.url)]);
  for (const app of [production, staging]) await app.tenants.create({ id: 'acme', isolation: 'database' });
  await production.write('acme', 'of production');
  await staging.tenants.remove('acme');
  expect(await production.read('acme')).toEqual(['of production']);
  await production.tenants.remove('acme');
  await Promise.all([production.tenancy.close(), staging.tenancy.close()]);
});

test('a repair leaves a database or role alone that another application has made under the same name', async () => {
  await using one = await plainDatabase();
  await using two = await plainDatabase();
  const options = { roles: true, ...namesFor(one) };
  const production = await openProcess(one.url, options);
  const staging = await openProcess(two.url, options);
  await production.tenants.create({ id: 'acme', isolation: 'database' });
  await production.write('acme', 'of production');
  const placement = (await production.tenants.get('acme')).placement;
  const draft = {
    id: 'acme',
    name: 'acme',
    status: 'provisioning',
    isolation: 'database',
    placement,
    config: {},
  } as const;
  await staging.orm.store.insert(draft, []);
  await expect(staging.tenants.repair('acme')).rejects.toMatchObject({ code: 'PROVISION_FAILED' });
  await staging.tenants.repair('acme', { clear: true });
  expect(await production.read('acme')).toEqual(['of production']);
  await production.tenants.remove('acme');
  await Promise.all([production.tenancy.close(), staging.tenancy.close()]);
});

describe('a database in which other tenants have schemas', () => {
  test('is not given to one that would be placed in another’s own', async () => {
    await using database = await plainDatabase();
    const app = await openProcess(database.url, namesFor(database));
    const { placement } = await app.tenants.create({ id: 'acme', isolation: 'database' });
    await expect(
      app.tenants.create({ id: 'guest', isolation: 'schema', placement: { database: placement.database ?? '' } }),
    ).rejects.toMatchObject({ code: 'PROVISION_FAILED', cause: { message: expect.stringContaining('own') } });
    await app.tenants.remove('acme');
    await app.tenancy.close();
  });

  test('is not dropped', async () => {
    await using database = await plainDatabase();
    const app = await openProcess(database.url, namesFor(database));
    const { placement } = await app.tenants.create({ id: 'acme', isolation: 'database' });
    const own = { ...database, url: database.url.replace(database.name, placement.database ?? '') };
    await sql(own, `create schema t_guest; comment on schema t_guest is 'omnitenant: tenant guest@1 of elsewhere'`);
    await expect(app.tenants.remove('acme')).rejects.toMatchObject({
      code: 'REMOVE_FAILED',
      cause: { message: expect.stringContaining('"t_guest"') },
    });
    await sql(own, 'drop schema t_guest');
    await app.tenants.remove('acme');
    await app.tenancy.close();
  });
});

test('an extension that a tenant’s migration has made does not go with the tenant', async () => {
  await using database = await plainDatabase();
  class CreateExtension extends Migration {
    override up(): void {
      this.addSql('create extension if not exists citext');
    }
  }
  const app = await openProcess(database.url, {}, [CreateLibrary, AddCountries, CreateExtension]);
  await app.tenants.create({ id: 'acme' });
  await app.tenants.remove('acme');
  expect(await sql(database, `select extname from pg_extension where extname = 'citext'`)).toHaveLength(1);
  await app.tenancy.close();
});
