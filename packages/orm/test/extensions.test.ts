import { defineEntity, p } from '@mikro-orm/core';
import { Migration } from '@mikro-orm/migrations';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy } from '@omnitenant/core';
import { plainDatabase, testServer } from '@omnitenant/tooling';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { createOrm } from '../src/orm.ts';
import type { OrmOptions } from '../src/orm-options.ts';

const User = defineEntity({
  name: 'User',
  tableName: 'app_user',
  properties: { id: p.integer().primary(), email: p.string().columnType('citext').unique() },
});

class CreateUsers extends Migration {
  override up() {
    this.addSql('create table app_user (id serial primary key, email citext not null unique)');
  }
}

/** As its users write it: the extension and what needs it in one migration. */
class CreateExtensionAndUsers extends Migration {
  override up() {
    this.addSql('/* for e-mail addresses */ create extension if not exists "citext"; -- once');
    this.addSql('create table app_user (id serial primary key, email citext not null unique)');
  }
  override down() {
    this.addSql('drop table app_user');
    this.addSql('drop extension citext');
  }
}

async function application(
  migration: typeof CreateUsers | typeof CreateExtensionAndUsers,
  options: OrmOptions,
  prepare: readonly string[] = [],
) {
  const database = await plainDatabase();
  const url = new URL(database.url);
  const server = new URL(testServer().url);
  url.username = server.username;
  url.password = server.password;
  let isReady = false;
  const admin = new pg.Client(url.href);
  await admin.connect();
  for (const sql of prepare) await admin.query(sql);
  const orm = await createOrm(
    defineConfig({
      clientUrl: database.url,
      entities: [User],
      migrations: { migrationsList: [{ name: 'Users', class: migration }] },
    }),
    { names: { database: (id) => `${database.name}_${id}`, role: (id) => `${database.name}_${id}` }, ...options },
  );
  const tenancy = createTenancy({ resources: [orm] });
  return {
    orm,
    tenancy,
    async ready() {
      await tenancy.migrateCentral();
      isReady = true;
    },
    query: async (sql: string) => (await admin.query(sql)).rows,
    async [Symbol.asyncDispose]() {
      if (isReady) for await (const { id } of tenancy.tenants.all()) await tenancy.tenants.remove(id);
      await tenancy.close();
      await admin.end();
      await database.drop();
    },
  };
}

type App = Awaited<ReturnType<typeof application>>;

async function comparesWithoutCase({ orm, tenancy }: App, tenant: string) {
  await tenancy.run(tenant, async () => {
    await orm.em.insert(User, { email: 'Ann@x.nl' });
    expect(await orm.em.fork().count(User, { email: 'ann@X.nl' })).toBe(1);
    expect(await orm.em.fork().count(User, { email: { $in: ['ANN@x.nl'] } })).toBe(1);
    await orm.em.fork().upsert(User, { email: 'ann@x.NL' });
    expect(await orm.em.fork().count(User, {})).toBe(1);
    expect(await orm.em.fork().transactional((em) => em.count(User, { email: 'ann@X.nl' }))).toBe(1);
  });
}

const installed = ['create extension citext'];

describe('the schema of extensions', () => {
  test.each(['schema', 'row', 'database'])(
    'is where a tenant of isolation %s finds types and operators',
    async (isolation) => {
      await using app = await application(CreateExtensionAndUsers, {});
      await app.ready();
      await app.tenancy.tenants.create({ id: 'acme', isolation });
      await comparesWithoutCase(app, 'acme');
    },
  );

  test('may be public, where nothing else is in it', async () => {
    await using app = await application(CreateUsers, { extensions: 'public' }, installed);
    await app.ready();
    for (const isolation of ['schema', 'row']) {
      await app.tenancy.tenants.create({ id: isolation, isolation });
      await comparesWithoutCase(app, isolation);
    }
  });

  test('is found by a tenant with a role of its own', async () => {
    await using app = await application(CreateExtensionAndUsers, { roles: true });
    await app.ready();
    await app.tenancy.tenants.create({ id: 'acme' });
    await comparesWithoutCase(app, 'acme');
  });

  test.each([
    ['a table', 'create table customer (id int)', 'holds more than extensions (customer)'],
    ['a function', 'create function look() returns int language sql return 1', 'holds more than extensions (look)'],
    ['what anybody creates', 'grant create on schema public to public', 'can be written to by everybody'],
  ])('is refused where all tenants would find %s', async (_, sql, message) => {
    await using app = await application(CreateUsers, { extensions: 'public' }, [...installed, sql]);
    await expect(app.ready()).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(message),
    });
    expect(await app.query(`select 1 from pg_class where relnamespace = to_regnamespace('central')`)).toEqual([]);
  });
});

describe("an extension that a tenant's migration creates", () => {
  test('is the database’s, for the first tenant and the next, and stays when they go', async () => {
    await using app = await application(CreateExtensionAndUsers, {});
    await app.ready();
    for (const id of ['acme', 'bloom']) await app.tenancy.tenants.create({ id });
    await app.orm.migrations.down({ tenants: ['bloom'], to: 0 });
    await app.tenancy.tenants.remove('acme');
    expect(
      await app.query(`select extnamespace::regnamespace::text as schema from pg_extension where extname = 'citext'`),
    ).toEqual([{ schema: 'extensions' }]);
    await app.orm.migrations.up();
    await comparesWithoutCase(app, 'bloom');
  });
});

test.each([
  ['named by the migration', 'create extension if not exists citext schema public', []],
  ['where it was before', 'create extension if not exists citext', ['create extension citext schema public']],
])('an extension with operators is refused in another schema, %s', async (_, create, before) => {
  class CreateElsewhere extends Migration {
    override up() {
      this.addSql(create);
      this.addSql('create table users (id serial primary key, email public.citext not null unique)');
    }
  }
  await using app = await application(CreateElsewhere, {}, before);
  await app.ready();
  for (const isolation of ['schema', 'row']) {
    await expect(app.tenancy.tenants.create({ id: isolation, isolation })).rejects.toMatchObject({
      cause: { code: 'CONFIG_INVALID', message: expect.stringMatching(/citext.*"?public"?.*option extensions/) },
    });
  }
  expect(await app.query(`select 1 from pg_extension where extname = 'citext'`)).toHaveLength(before.length);
});

test('an extension without operators may be in any schema', async () => {
  class CreateKeys extends Migration {
    override up() {
      this.addSql('create extension if not exists "uuid-ossp" schema public');
      this.addSql('create table users (id uuid primary key default public.uuid_generate_v4(), email text)');
    }
  }
  await using app = await application(CreateKeys, {});
  await app.ready();
  await app.tenancy.tenants.create({ id: 'acme' });
});

test('an extension that a migration of central creates is found by central and by all tenants', async () => {
  class CreateOperators extends Migration {
    override up() {
      this.addSql('create extension citext');
      this.addSql('create table operator (email citext not null)');
    }
  }
  class AddName extends Migration {
    override up() {
      this.addSql('alter table operator add column name citext');
    }
  }
  const centralMigrations = {
    migrationsList: [
      { name: 'Operators', class: CreateOperators },
      { name: 'Name', class: AddName },
    ],
  };
  await using app = await application(CreateUsers, { centralMigrations });
  await app.orm.migrations.central.up({ to: 'Operators' });
  await app.orm.migrations.central.up();
  expect(
    await app.query(`select extnamespace::regnamespace::text as schema from pg_extension where extname = 'citext'`),
  ).toEqual([{ schema: 'extensions' }]);
  await app.tenancy.central(async () => {
    await app.orm.em.execute(`insert into operator (email, name) values ('Ann@x.nl', 'Ann')`);
    expect(await app.orm.em.execute(`select 1 as one from operator where email = 'ann@X.nl'`)).toHaveLength(1);
  });
});
