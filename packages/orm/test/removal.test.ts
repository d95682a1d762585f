import { defineConfig } from '@mikro-orm/postgresql';
import { isTenancyError } from '@omnitenant/core';
import { plainDatabase, testServer } from '@omnitenant/tooling';
import { Client } from 'pg';
import { expect, test, vi } from 'vitest';
import { Author } from '../src/testing/library.ts';
import { runLibrary } from './fixtures/running-library.ts';

/** Goes on as the owner of the shared tables. */
async function becomeOwner(client: Client): Promise<void> {
  const { rows } = await client.query<{ owner: string }>(
    `select pg_get_userbyid(nspowner) as owner from pg_namespace where nspname = 'rows'`,
  );
  await client.query(`set role "${rows[0]?.owner}"`);
}

test.each(['schema', 'row', 'database'])('a tenant is removed while fifty scopes run in it: %s', async (isolation) => {
  await using database = await plainDatabase();
  await using library = await runLibrary(
    defineConfig({ clientUrl: database.url, driverOptions: { max: 4 } }),
    { going: { isolation }, staying: { isolation } },
    // Whoever would wait in vain waits for longer than the test may take.
    { connections: { waitMs: 600_000 }, names: { database: (id) => `${database.name}_${id}` } },
  );
  const { tenancy, orm } = library;
  const read = async (tenant: string) =>
    tenancy.run(tenant, () =>
      orm.em.transactional(async (em) => [
        ...(await em.execute<{ name: string }[]>('select name from author')),
        ...(await em.find(Author, {}, { disableIdentityMap: true })),
      ]),
    );

  let reads = 0;
  const failures: unknown[] = [];
  const { promise: underWay, resolve: isUnderWay } = Promise.withResolvers<void>();
  let removed = false;
  async function scope() {
    while (!removed || reads < 50) {
      try {
        for (const { name } of await read('going')) expect(name).toBe('first of going');
        if (++reads === 50) isUnderWay();
      } catch (error) {
        failures.push(error);
        return;
      }
    }
  }
  const traffic = Array.from({ length: 50 }, scope);
  await underWay;
  await tenancy.tenants.remove('going');
  removed = true;
  await Promise.all(traffic);

  for (const error of failures) {
    const isAboutIt = (known: { code: string; tenant?: string }) =>
      known.tenant === 'going' || known.code === 'TENANT_UNKNOWN';
    const refused = isTenancyError(error) ? isAboutIt(error) : /does not exist/.test(String(error));
    expect(refused, String(error)).toBe(true);
  }
  await expect(read('going')).rejects.toMatchObject({ code: 'TENANT_UNKNOWN' });
  for (const { name } of await read('staying')) expect(name).toBe('first of staying');
  await tenancy.tenants.create({ id: 'going', isolation });
  expect(await read('going')).toEqual([]);
});

test('a tenant whose database somebody does not leave is removed all the same', async () => {
  await using database = await plainDatabase();
  await using library = await runLibrary(
    defineConfig({ clientUrl: database.url }),
    { going: { isolation: 'database' } },
    { names: { database: (id) => `${database.name}_${id}` } },
  );
  const { tenancy, orm } = library;
  const { promise: removed, resolve: isRemoved } = Promise.withResolvers<void>();
  const { promise: inside, resolve: isInside } = Promise.withResolvers<void>();
  const staying = tenancy.run('going', () =>
    orm.em.transactional(async (em) => {
      await em.insert(Author, { name: 'lost' });
      isInside();
      await removed;
      await em.count(Author);
    }),
  );
  const outcome = expect(staying).rejects.toMatchObject({ code: 'SERVER_UNAVAILABLE', tenant: 'going' });
  await inside;
  await tenancy.tenants.remove('going');
  isRemoved();
  await outcome;
});

test('a removal that fails hands its connection on without the transaction that it failed in', async () => {
  await using database = await plainDatabase();
  await using library = await runLibrary(
    defineConfig({ clientUrl: database.url }),
    { going: { isolation: 'row' }, staying: { isolation: 'row' } },
    { connections: { max: 1 } },
  );
  const { tenancy, orm } = library;
  const admin = new Client({ connectionString: database.url });
  await admin.connect();
  await becomeOwner(admin);
  await admin.query(
    `create function rows.refuse() returns trigger language plpgsql as $$ begin raise exception 'append only'; end $$;
     create trigger refuses before delete on rows.author for each row execute function rows.refuse()`,
  );
  await expect(tenancy.tenants.remove('going')).rejects.toMatchObject({
    code: 'REMOVE_FAILED',
    cause: { message: 'append only' },
  });
  expect(await tenancy.run('staying', () => orm.em.count(Author))).toBe(1);
  await admin.query('drop trigger refuses on rows.author');
  await admin.end();
});

test('a removal waits for who writes rows of its tenant, and none is left', async () => {
  await using database = await plainDatabase();
  await using library = await runLibrary(defineConfig({ clientUrl: database.url }), {
    going: { isolation: 'row' },
    staying: { isolation: 'row' },
  });
  const { tenancy, orm } = library;
  const admin = new Client({ connectionString: database.url });
  await admin.connect();
  const { promise: written, resolve: hasWritten } = Promise.withResolvers<void>();
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const writing = tenancy.run('going', () =>
    orm.em.transactional(async (em) => {
      await em.insert(Author, { name: 'written meanwhile' });
      hasWritten();
      await ended;
    }),
  );
  await written;
  await expect(tenancy.tenants.remove('going')).rejects.toMatchObject({
    code: 'REMOVE_FAILED',
    tenant: 'going',
    cause: { message: expect.stringContaining('has stayed open for 10 seconds') },
  });
  const removed = tenancy.tenants.remove('going');
  const waiting = `select from pg_locks where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database())`;
  await vi.waitFor(async () => expect((await admin.query(waiting)).rowCount).toBe(1), { timeout: 5_000 });
  await tenancy.run('staying', () => orm.em.insert(Author, { name: 'not kept from it' }));
  end();
  await writing;
  await expect(removed).resolves.toEqual({ left: [] });
  await becomeOwner(admin);
  const left = await admin.query('select name from rows.author order by name');
  expect(left.rows).toEqual([{ name: 'first of staying' }, { name: 'not kept from it' }]);
  await admin.end();
});

test.each([
  ['a view', 'create view central.names as select name from t_acme.author', 'drop view central.names'],
  ['a foreign key', 'create table central.note (author int references t_acme.author)', 'drop table central.note'],
  [
    'a column’s default',
    `create table central.note (id int default nextval('t_acme.author_id_seq'))`,
    'drop table central.note',
  ],
])('a tenant is not removed while %s outside of its schema depends on it', async (_, make, drop) => {
  await using database = await plainDatabase();
  await using library = await runLibrary(defineConfig({ clientUrl: database.url }), {
    acme: { isolation: 'schema' },
  });
  const { tenancy, orm } = library;
  await tenancy.central(() => orm.em.execute(make));
  await expect(tenancy.tenants.remove('acme')).rejects.toMatchObject({
    code: 'REMOVE_FAILED',
    cause: { message: expect.stringMatching(/central\.(names|note).*t_acme|t_acme.*central\.(names|note)/s) },
  });
  await tenancy.central(() => orm.em.execute(drop));
  await tenancy.tenants.remove('acme');
});

test('a tenant is removed whose database PostgreSQL has dropped in part', async () => {
  await using database = await plainDatabase();
  await using library = await runLibrary(
    defineConfig({ clientUrl: database.url }),
    { going: { isolation: 'database' } },
    { names: { database: (id) => `${database.name}_${id}` } },
  );
  const { tenants } = library.tenancy;
  const server = new Client({ connectionString: testServer().url });
  await server.connect();
  try {
    // What an interrupted drop leaves: nobody can connect to it.
    const own = [`${database.name}_going`];
    await server.query('update pg_database set datconnlimit = -2 where datname = $1', own);
    await server.query('select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1', own);
    await tenants.remove('going');
    const left = await server.query('select from pg_database where datname = $1', own);
    expect(left.rowCount).toBe(0);
  } finally {
    await server.end();
  }
  await tenants.create({ id: 'going', isolation: 'database' });
});

test('a database is dropped although a superuser, as autovacuum is one, is in it for a moment', async () => {
  await using database = await plainDatabase();
  await using library = await runLibrary(
    defineConfig({ clientUrl: database.url }),
    { going: { isolation: 'database' } },
    { names: { database: (id) => `${database.name}_${id}` } },
  );
  const { url } = await testServer();
  const its = new URL(url);
  its.pathname = `/${database.name}_going`;
  const within = new Client(its.href);
  const outside = new Client(url);
  within.on('error', () => {});
  await Promise.all([within.connect(), outside.connect()]);
  const waiting = `select from pg_stat_activity where datname is not null and query ~ $1`;
  const removed = library.tenancy.tenants.remove('going');
  const left = vi
    .waitFor(async () => {
      const { rowCount } = await outside.query(waiting, [`^drop database if exists "${database.name}_going"$`]);
      expect(rowCount).toBe(1);
    })
    .finally(() => within.end());
  await expect(removed).resolves.toEqual({ left: [] });
  await left;
  await outside.end();
});
