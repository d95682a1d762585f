import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy } from '@omnitenant/core';
import { plainDatabase, testServer } from '@omnitenant/tooling';
import pg from 'pg';
import { expect, test } from 'vitest';
import { createOrm } from '../src/orm.ts';
import type { OrmOptions } from '../src/orm-options.ts';
import { AddCountries, Country, CreateLibrary, libraryEntities } from '../src/testing/library.ts';

/** An application whose own login may create roles and databases, and no more. */
async function open(options: OrmOptions) {
  const database = await plainDatabase();
  const login = new URL(database.url).username;
  const admin = new pg.Client(testServer().url);
  await admin.connect();
  const orm = await createOrm(
    defineConfig({
      clientUrl: database.url,
      entities: libraryEntities,
      migrations: { migrationsList: [CreateLibrary, AddCountries] },
    }),
    {
      shared: [Country],
      names: { database: (id) => `${database.name}_${id}`, role: (id) => `${database.name}_${id}` },
      ...options,
    },
  );
  const tenancy = createTenancy({ resources: [orm] });
  await tenancy.migrateCentral();
  for (const id of ['a', 'b']) {
    await tenancy.tenants.create({ id });
    await tenancy.run(id, () => orm.em.execute(`insert into author (name) values ('first of ${id}')`));
  }
  return {
    orm,
    tenancy,
    refuseRoles: () => admin.query(`alter role "${login}" nocreaterole`),
    lent: async () =>
      (
        await admin.query(
          `select rolname from pg_roles where rolname like 'omnitenant_lent_%' and pg_has_role('${login}', oid, 'member')`,
        )
      ).rows,
    async [Symbol.asyncDispose]() {
      for (const id of ['a', 'b']) await tenancy.tenants.remove(id);
      await tenancy.close();
      await admin.end();
      await database.drop();
    },
  };
}

async function connect(env: Readonly<Record<string, string>>, database = env.PGDATABASE) {
  const { PGHOST: host, PGPORT: port, PGUSER: user, PGPASSWORD: password } = env;
  const client = new pg.Client({ host, port: Number(port), user, password, database } as pg.ClientConfig);
  await client.connect();
  return client;
}

const leaving = [
  (schema: string) => `select * from "${schema}".author`,
  (schema: string) => `set search_path to "${schema}"; select * from author`,
  (schema: string) => `reset role; select * from "${schema}".author`,
  (schema: string) => `reset session authorization; update "${schema}".author set name = 'mine'`,
  () => 'select * from central.tenant',
  () => 'create table more (id int)',
  () => 'drop table author',
];

test.each<[string, OrmOptions]>([
  ['schema', {}],
  ['schema', { roles: true }],
  ['database', { isolation: 'database' }],
])(
  'a login that is lent reads and writes the rows of one tenant, and reaches nothing else (%s, %j)',
  async (_, options) => {
    await using app = await open(options);
    const { placement: other } = await app.tenancy.tenants.get('b');
    const login = await app.orm.credentials.lend('a');
    const client = await connect(login.env);
    expect((await client.query('select name from author')).rows).toEqual([{ name: 'first of a' }]);
    await client.query(`insert into author (name) values ('by hand')`);
    expect(
      (await client.query('select rolname from pg_roles where rolsuper and pg_has_role(oid, $1)', ['member'])).rows,
    ).toEqual([]);

    const where = options.isolation === 'database' ? await connect(login.env, String(other.database)) : client;
    for (const sql of leaving) {
      await expect(where.query(sql(String(other.schema))), sql('other')).rejects.toMatchObject({
        code: expect.stringMatching(/^(42501|42P01|3F000)$/),
      });
    }
    if (where !== client) await where.end();
    await client.end();
    await login.end();
    await expect(connect(login.env)).rejects.toMatchObject({ code: expect.stringMatching(/^28/) });
    expect(await app.lent()).toEqual([]);
    await app.tenancy.run('a', async () => expect(await app.orm.em.execute('select name from author')).toHaveLength(2));

    await using reading = await app.orm.credentials.lend('a', { readOnly: true });
    const reader = await connect(reading.env);
    expect((await reader.query('select from author')).rowCount).toBe(2);
    await expect(reader.query('delete from author')).rejects.toMatchObject({ code: '42501' });
    await reader.end();
  },
);

test('no login is lent for a tenant that shares tables, nor where the application may not create roles', async () => {
  await using app = await open({});
  await app.tenancy.tenants.create({ id: 'c', isolation: 'row' });
  await expect(app.orm.credentials.lend('c')).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    tenant: 'c',
    message: expect.stringContaining('omnitenant shell c'),
  });
  await app.tenancy.tenants.remove('c');
  await app.refuseRoles();
  await expect(app.orm.credentials.lend('a')).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    tenant: 'a',
    message: expect.stringContaining('allowed to create roles'),
  });
  await expect(app.orm.credentials.lend('nobody')).rejects.toMatchObject({ code: 'TENANT_UNKNOWN' });
  expect(await app.lent()).toEqual([]);
});
