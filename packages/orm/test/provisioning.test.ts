import { Migration } from '@mikro-orm/migrations';
import { defineConfig, type Options } from '@mikro-orm/postgresql';
import { createTenancy, type Tenancy } from '@omnitenant/core';
import { plainDatabase, testDatabase, testServer } from '@omnitenant/tooling';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { createOrm, type Orm } from '../src/orm.ts';
import type { OrmOptions } from '../src/orm-options.ts';
import { AddCountries, Author, Country, CreateLibrary, libraryEntities } from '../src/testing/library.ts';
import { heard } from './fixtures/heard.ts';

let divisor = 1;

class Divides extends Migration {
  override async up(): Promise<void> {
    this.addSql('create table half (id int)');
    await this.execute(`select 1 / ${divisor}`);
  }
}

interface App extends AsyncDisposable {
  readonly orm: Orm;
  readonly tenancy: Tenancy;
  readonly name: string;
  readonly url: string;
  query(sql: string): Promise<Record<string, unknown>[]>;
}

async function open(options: OrmOptions = {}, config: Partial<Options> = {}): Promise<App> {
  const database = await plainDatabase();
  const orm = await createOrm(
    defineConfig({
      clientUrl: database.url,
      entities: libraryEntities,
      migrations: { migrationsList: [CreateLibrary, AddCountries] },
      ...config,
    }),
    { shared: [Country], names: { database: (id) => `${database.name}_${id}` }, ...options },
  );
  const tenancy = createTenancy({ resources: [orm] });
  await tenancy.migrateCentral();
  const client = new pg.Client(database.url);
  await client.connect();
  return {
    orm,
    tenancy,
    name: database.name,
    url: database.url,
    query: async (sql) => (await client.query(sql)).rows,
    async [Symbol.asyncDispose]() {
      for await (const { id } of tenancy.tenants.all()) await tenancy.tenants.remove(id);
      await tenancy.close();
      await client.end();
      await database.drop();
    },
  };
}

function leftovers(app: App) {
  return app.query(
    `select nspname as name from pg_namespace where nspname like 't\\_%' or nspname = 'rows'
     union all select datname from pg_database where datname like '${app.name}\\_%'
     union all select id from central.tenant`,
  );
}

describe('making a tenant', () => {
  test.each(['schema', 'database'])(
    'of isolation %s that fails in a migration leaves nothing, and can be tried again',
    async (isolation) => {
      await using app = await open({}, { migrations: { migrationsList: [CreateLibrary, Divides] } });
      divisor = 0;
      await expect(app.tenancy.tenants.create({ id: 'acme', isolation })).rejects.toMatchObject({
        code: 'PROVISION_FAILED',
        tenant: 'acme',
      });
      expect(await leftovers(app)).toEqual([]);
      divisor = 1;
      await app.tenancy.tenants.create({ id: 'acme', isolation });
      expect(await app.tenancy.run('acme', () => app.orm.em.count(Author))).toBe(0);
    },
  );

  test.each(['schema', 'database', 'row'])(
    'of isolation %s has no time limit of requests on it, which holds for those again',
    async (isolation) => {
      class Slow extends Migration {
        override up(): void {
          this.addSql('select pg_sleep(0.8)');
        }
      }
      await using app = await open(
        {},
        {
          migrations: { migrationsList: [CreateLibrary, { name: 'Slow', class: Slow }] },
          driverOptions: { options: '-c statement_timeout=500' },
        },
      );
      await app.tenancy.tenants.create({ id: 'acme', isolation });
      await app.tenancy.run('acme', async () => {
        expect(await app.orm.em.execute('show statement_timeout')).toEqual([{ statement_timeout: '500ms' }]);
        await expect(app.orm.em.execute('select pg_sleep(60)')).rejects.toMatchObject({ code: '57014' });
      });
    },
  );

  test.for(['schema', 'database', 'row'])(
    'of isolation %s has no limit on transactions on it, which PostgreSQL has from 17 on',
    async (isolation, { skip }) => {
      class Slow extends Migration {
        override async up(): Promise<void> {
          for (let n = 0; n < 4; n += 1) await this.execute('select pg_sleep(0.2)');
          this.addSql('create table slowly (id int)');
        }
      }
      await using sample = await open();
      const [{ version } = {}] = await sample.query(`select current_setting('server_version_num')::int as version`);
      skip(Number(version) < 170_000);
      await using app = await open(
        {},
        {
          migrations: { migrationsList: [CreateLibrary, { name: 'Slow', class: Slow }] },
          driverOptions: { options: '-c transaction_timeout=500 -c idle_in_transaction_session_timeout=500' },
        },
      );
      await app.tenancy.tenants.create({ id: 'acme', isolation });
      await app.tenancy.run('acme', async () => {
        expect(await app.orm.em.execute('show transaction_timeout')).toEqual([{ transaction_timeout: '500ms' }]);
        await expect(app.orm.em.execute('select pg_sleep(60)')).rejects.toMatchObject({ code: 'SERVER_UNAVAILABLE' });
      });
    },
  );

  test('never adopts a schema or database that is there already', async () => {
    await using app = await open();
    await app.query('create schema t_acme');
    await app.query('create table t_acme.theirs (id int)');
    await expect(app.tenancy.tenants.create({ id: 'acme' })).rejects.toMatchObject({ code: 'PROVISION_FAILED' });
    expect(await app.query('select count(*)::int as rows from t_acme.theirs')).toEqual([{ rows: 0 }]);
    await app.query('drop schema t_acme cascade');
  });

  test.each(['create type public.mood as enum ()', 'create schema moods'])(
    "tells of what a migration makes twice as what it is, and not as the tenant's own: %s",
    async (statement) => {
      class Moods extends Migration {
        override up(): void {
          this.addSql(statement);
        }
      }
      await using app = await open({ roles: true }, { migrations: { migrationsList: [CreateLibrary, Moods] } });
      await app.query(`grant create on schema public to public; grant create on database "${app.name}" to public`);
      await app.query(statement);
      const error = await app.tenancy.tenants.create({ id: 'acme' }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({
        code: 'PROVISION_FAILED',
        cause: { message: expect.stringMatching(/"moods?" already exists/) },
      });
    },
  );

  test('two tenants cannot be placed in one schema', async () => {
    await using app = await open();
    await app.tenancy.tenants.create({ id: 'acme', placement: { schema: 'one' } });
    await expect(app.tenancy.tenants.create({ id: 'globex', placement: { schema: 'one' } })).rejects.toMatchObject({
      code: 'PROVISION_FAILED',
    });
    expect(await app.tenancy.run('acme', () => app.orm.em.count(Author))).toBe(0);
  });

  test('two that are made at once under one name: one wins, the other is told', async () => {
    await using app = await open();
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => app.tenancy.tenants.create({ id: 'acme' })));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'TENANT_EXISTS' });
    }
    expect(await app.tenancy.run('acme', () => app.orm.em.count(Author))).toBe(0);
  });

  test('migrating twice, and from two sides at once, applies each migration once', async () => {
    await using app = await open();
    await app.tenancy.tenants.create({ id: 'acme' });
    await Promise.all([1, 2, 3].map(() => app.tenancy.tenants.migrate('acme')));
    expect(await app.query('select name from t_acme.mikro_orm_migrations order by id')).toEqual([
      { name: 'CreateLibrary' },
      { name: 'AddCountries' },
    ]);
  });

  test('of isolation row are made at once by several processes, the first of all included', async () => {
    await using app = await open();
    const others: Tenancy[] = [];
    for (let n = 0; n < 6; n += 1) {
      const orm = await createOrm(
        defineConfig({
          clientUrl: app.url,
          entities: libraryEntities,
          migrations: { migrationsList: [CreateLibrary, AddCountries] },
        }),
        { shared: [Country], roles: true, names: { role: (id) => `${app.name}_${id}` } },
      );
      others.push(createTenancy({ resources: [orm] }));
    }
    const made = await Promise.all(
      others.map(({ tenants }, n) => tenants.create({ id: `r${n}`, isolation: 'row' })),
    ).finally(() => Promise.all(others.map((tenancy) => tenancy.close())));
    expect(made.map(({ status }) => status)).toEqual(made.map(() => 'active'));
  });

  test('whose process died before it had storage is cleared, and what is there of somebody stays', async () => {
    await using app = await open();
    await app.query('create schema t_acme');
    await app.query('create table t_acme.theirs (id int)');
    const placement = { server: 'default', database: app.name, schema: 't_acme' };
    await app.orm.store.insert(
      { id: 'acme', name: 'Acme', status: 'provisioning', isolation: 'schema', placement, config: {} },
      [],
    );
    await expect(app.tenancy.tenants.repair('acme')).rejects.toMatchObject({
      code: 'PROVISION_FAILED',
      cause: { message: expect.stringContaining('exists already') },
    });
    await app.tenancy.tenants.repair('acme', { clear: true });
    expect(await app.orm.store.find('acme')).toBeUndefined();
    expect(await app.query('select count(*)::int as rows from t_acme.theirs')).toEqual([{ rows: 0 }]);
    await app.query('drop schema t_acme cascade');
  });

  test('on another server, with its own credentials, is reached there', async () => {
    await using other = await testDatabase();
    await using app = await open({ servers: { eu: { clientUrl: other.url, maintenanceDatabase: other.name } } });
    await app.tenancy.tenants.create({ id: 'acme', isolation: 'database', placement: { server: 'eu' } });
    await app.tenancy.tenants.create({ id: 'globex', placement: { server: 'eu', database: other.name } });
    const [acme, globex] = await Promise.all(
      ['acme', 'globex'].map((id) =>
        app.tenancy.run(id, () => app.orm.em.execute('select current_user as user, current_database() as db')),
      ),
    );
    expect(acme).toEqual([{ user: new URL(other.url).username, db: `${app.name}_acme` }]);
    expect(globex).toEqual([{ user: new URL(other.url).username, db: other.name }]);
    for (const id of ['acme', 'globex']) await app.tenancy.tenants.remove(id);
  });

  test('of isolation row is kept apart for a superuser too, whose statements run as a role that row-level security binds', async () => {
    await using database = await plainDatabase();
    const superuser = new URL(testServer().url);
    superuser.pathname = `/${database.name}`;
    const orm = await createOrm(
      defineConfig({
        clientUrl: superuser.href,
        entities: libraryEntities,
        migrations: { migrationsList: [CreateLibrary] },
      }),
      { isolation: 'row' },
    );
    await using tenancy = createTenancy({ resources: [orm] });
    await tenancy.migrateCentral();
    for (const id of ['acme', 'bloom']) {
      await tenancy.tenants.create({ id });
      await tenancy.run(id, () => orm.em.insert(Author, { name: `of ${id}` }));
    }
    expect(await tenancy.run('acme', () => orm.em.execute('select name from author'))).toEqual([{ name: 'of acme' }]);
  });
});

describe('the template of databases', () => {
  const config = { migrations: { migrationsList: [CreateLibrary] } };
  const templatesOf = async (app: App): Promise<unknown[]> =>
    (
      await app.query(
        `select datname as name from pg_database where starts_with(datname, '${app.name}_template_') order by 1`,
      )
    ).map(({ name }) => name);

  test('is not needed: where somebody is in it, a tenant is made all the same', async () => {
    await using app = await open({}, config);
    await app.tenancy.tenants.create({ id: 'acme', isolation: 'database' });
    const [template] = await templatesOf(app);
    const url = new URL(app.url);
    url.pathname = `/${template}`;
    const inside = new pg.Client(url.href);
    await inside.connect();
    await app.tenancy.tenants.create({ id: 'globex', isolation: 'database' }).finally(() => inside.end());
    expect(await app.tenancy.run('globex', () => app.orm.em.count(Author))).toBe(0);
    expect(await app.orm.migrations.up()).toMatchObject({ migrated: 0, upToDate: 0, failed: [] });
  });

  test('has no blocks to spare, as each tenant gets a copy of every one', async () => {
    await using app = await open({}, config);
    await app.tenancy.tenants.create({ id: 'acme', isolation: 'database' });
    const size = async () =>
      Number((await app.query(`select pg_database_size('${app.name}_acme') as size`))[0]?.['size']);
    const before = await size();
    const url = new URL(app.url);
    url.pathname = `/${app.name}_acme`;
    const inside = new pg.Client(url.href);
    await inside.connect();
    await inside.query('vacuum full');
    await inside.end();
    expect(before).toBeLessThan((await size()) * 1.05);
  });

  test('is made anew when the migrations change; older ones go, and those that a killed process left half-made', async () => {
    await using app = await open({}, config);
    const begun = (ago: number) => `${app.name}_template_${(Date.now() - ago).toString(36)}_beef`;
    const [abandoned, underWay] = [begun(7_200_000), begun(60_000)];
    for (const name of [abandoned, underWay]) await app.query(`create database "${name}"`);
    await app.tenancy.tenants.create({ id: 'acme', isolation: 'database' });
    const [first, ...others] = (await templatesOf(app)).filter((name) => name !== underWay);
    expect(others).toEqual([]);

    class AddAge extends Migration {
      override up(): void {
        this.addSql('alter table author add column age int');
      }
    }
    const orm = await createOrm(
      defineConfig({
        clientUrl: app.url,
        entities: libraryEntities,
        migrations: { migrationsList: [CreateLibrary, AddAge] },
      }),
      { shared: [Country], names: { database: (id) => `${app.name}_${id}` } },
    );
    await using tenancy = createTenancy({ resources: [orm] });
    const dropped = heard('omnitenant:orm:template-dropped');
    await tenancy.tenants.create({ id: 'globex', isolation: 'database' });
    expect(dropped).toContainEqual({ server: 'default', database: first, reason: 'outdated' });
    expect(dropped).not.toContainEqual(expect.objectContaining({ database: underWay }));
    expect(await tenancy.run('globex', () => orm.em.execute('select age from author'))).toEqual([]);
    const now = (await templatesOf(app)).filter((name) => name !== underWay);
    expect(now).toHaveLength(1);
    expect(now).not.toContain(first);
    // A process that still has the older migrations finds its template gone, makes the tenant all the same, and then has one again.
    for (const id of ['initech', 'umbrella']) await app.tenancy.tenants.create({ id, isolation: 'database' });
    expect(await app.tenancy.run('initech', () => app.orm.em.count(Author))).toBe(0);
    expect(await templatesOf(app)).toContain(first);
    expect(await app.orm.migrations.up()).toMatchObject({ failed: [], ahead: 1 });
    await app.query(`drop database "${underWay}"`);
  });
});

describe('adopting a database', () => {
  test('takes it over with its rows, and leaves it where it is', async () => {
    await using app = await open();
    await app.tenancy.tenants.create({ id: 'acme', isolation: 'database' });
    await app.tenancy.run('acme', () => app.orm.em.insert(Author, { name: 'first' }));
    const database = `${app.name}_acme`;
    // As an application that never knew omnitenant would have left it.
    await app.query(`comment on database "${database}" is null`);
    await app.query('delete from central.tenant');
    await app.tenancy.tenants.adopt({ id: 'legacy', isolation: 'database', placement: { database } });
    const other = { id: 'globex', isolation: 'database', placement: { database } };
    await expect(app.tenancy.tenants.adopt(other)).rejects.toMatchObject({ code: 'PROVISION_FAILED' });
    expect(await app.tenancy.run('legacy', () => app.orm.em.count(Author))).toBe(1);
    await app.tenancy.tenants.remove('legacy');
    await app.tenancy.tenants.adopt(other);
    expect(await app.tenancy.run('globex', () => app.orm.em.count(Author))).toBe(1);
    await app.tenancy.tenants.remove('globex');
    await app.query(`drop database "${database}" with (force)`);
  });
});

describe('removing a tenant', () => {
  test('drops what was made for it, and leaves what was not', async () => {
    await using app = await open();
    for (const isolation of ['schema', 'database', 'row'])
      await app.tenancy.tenants.create({ id: isolation, isolation });
    const [{ mark } = {}] = await app.query(`select obj_description('t_schema'::regnamespace) as mark`);
    await app.query(`comment on schema t_schema is 'somebody else''s now'`);
    await expect(app.tenancy.tenants.remove('schema')).rejects.toMatchObject({
      code: 'REMOVE_FAILED',
      tenant: 'schema',
    });
    await expect(app.tenancy.run('schema', () => 0)).rejects.toMatchObject({ code: 'TENANT_UNKNOWN' });
    await app.query(`comment on schema t_schema is '${mark}'`);
    for (const id of ['schema', 'database', 'row']) await app.tenancy.tenants.remove(id);
    expect(await leftovers(app)).toEqual([{ name: 'rows' }]);
    expect(await app.query('select 1 from central.domain')).toEqual([]);
  });
});

describe('a server that cannot be used', () => {
  test('is told from an unknown tenant, without its credentials', async () => {
    const orm = await createOrm(
      defineConfig({ clientUrl: 'postgresql://somebody:secret@127.0.0.1:1/nowhere', entities: [] }),
    );
    await using tenancy = createTenancy({ resources: [orm] });
    const error = await tenancy.run('acme', () => 0).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', status: 503 });
    expect(String((error as Error).stack) + JSON.stringify(error)).not.toContain('secret');
  });
});

describe('a configuration that cannot be right', () => {
  test.each([
    [undefined, {}, /needs a MikroORM configuration/],
    [{ entities: [] }, {}, /with a driver/],
    [defineConfig({ dbName: 'x', entities: [], replicas: [{}] }), {}, /read replicas/],
    [defineConfig({ dbName: 'x', entities: [] }), { isolation: 'galaxy' }, /no isolation "galaxy"/],
    [defineConfig({ dbName: 'x', entities: [] }), { servers: { default: {} } }, /name "default" is reserved/],
  ])('is refused before anything is opened (%#)', async (config, options, message) => {
    await expect(createOrm(config as never, options as never)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(message),
    });
  });
});
