import { raw } from '@mikro-orm/core';
import { defineConfig } from '@mikro-orm/postgresql';
import { plainDatabase } from '@omnitenant/tooling';
import { Client } from 'pg';
import { describe, expect, test } from 'vitest';
import { Author } from '../src/testing/library.ts';
import { runLibrary } from './fixtures/running-library.ts';

async function open(roles: boolean) {
  const database = await plainDatabase();
  const library = await runLibrary(
    defineConfig({ clientUrl: database.url, driverOptions: { max: 1 } }),
    { a: { isolation: 'schema' }, b: { isolation: 'schema' } },
    { roles, names: { role: (id) => `${database.name}_${id}` } },
  );
  const { tenancy, orm } = library;
  return {
    orm,
    tenancy,
    name: database.name,
    url: database.url,
    inA: (sql: string) => tenancy.run('a', async () => JSON.stringify(await orm.em.execute(sql))),
    async [Symbol.asyncDispose]() {
      await library[Symbol.asyncDispose]();
      await database.drop();
    },
  };
}

/** Raw SQL that tries to leave its tenant. */
const hostile = [
  `select * from "t_b".author`,
  `select * from author union all select * from t_b.author`,
  `update "t_b".author set name = 'mine'`,
  `select * from central.tenant`,
  `set search_path to t_b; select * from author`,
  `commit; select * from "t_b".author`,
  `rollback; select * from t_b.author`,
  `reset role; select * from t_b.author`,
  `set role none; select * from t_b.author`,
  `set session authorization default; select * from t_b.author`,
  `select 1; reset role; select * from t_b.author`,
  `/* ; */ reset role`,
  `select $$;$$; set local role none`,
  `set local omnitenant.tenant to 'b'`,
  `select set_config('role', 'none', true)`,
  `select pg_catalog."set_config"('role', 'none', true)`,
  `set local "role" to none`,
  `set/* */local role none`,
  `do $$ begin set local role none; end $$`,
  `/* /* */ ' */ reset role; select * from t_b.author; -- '`,
  // What PostgreSQL reads as several statements, and a hasty reader as one.
  `select 1; reset role; update t_b.author set name = 'taken' -- begin atomic`,
  `select 1 --\r; reset role; update t_b.author set name = 'taken'`,
  `select $é$ ' $é$; reset role; update t_b.author set name = 'taken'; --'`,
  `select 1 as é$$; reset role; update t_b.author set name = 'taken' -- $$`,
  `select $a$ x $A$ ' $a$ ; reset role; update t_b.author set name = 'taken'; --'`,
  `select E'a'\n'\\''; reset role; update t_b.author set name = 'taken'; --'`,
  `select U&"set\\005fconfig"('role', 'none', true)`,
  'set local standard_conforming_strings to off',
];

describe('a role for each tenant', () => {
  test('costs no connection where it is gone, so that no transaction can begin', async () => {
    await using app = await open(true);
    const admin = new Client({ connectionString: app.url });
    await admin.connect();
    const rename = (from: string, to: string) =>
      admin.query(`alter role "${app.name}_${from}" rename to "${app.name}_${to}"`);
    const write = (tenant: string) =>
      app.tenancy.run(tenant, () =>
        app.orm.em.transactional((em) => em.insert(Author, { name: `second of ${tenant}` })),
      );
    await rename('a', 'gone');
    for (let n = 0; n < 3; n += 1) await expect(write('a')).rejects.toThrow(/role ".*_a" does not exist/);
    await write('b');
    await rename('gone', 'a');
    await admin.end();
    await write('a');
    expect(await app.inA('select name from author')).toBe('[{"name":"first of a"},{"name":"second of a"}]');
  });

  test('refuses raw SQL that tries to reach what is not the tenant’s', async () => {
    await using app = await open(true);
    for (const sql of hostile) {
      await expect(app.inA(sql), sql).rejects.toThrow(/permission denied|does not exist|STATEMENT|one statement|role/);
    }
    expect(await app.inA('select name from author')).toBe('[{"name":"first of a"}]');
    expect(await app.inA(`select ';' as a, 'it''s; fine' as b, E'it\\'s; ' as c`)).toContain('fine');
    await app.tenancy.run('b', async () => {
      expect(await app.orm.em.execute('select name from author')).toEqual([{ name: 'first of b' }]);
    });
  });

  test('binds what is streamed as well, and no text of a user', async () => {
    await using app = await open(true);
    await app.tenancy.run('a', () =>
      app.orm.em.transactional(async (em) => {
        const leaving = em.createQueryBuilder(Author).select(raw(`set_config('role', 'none', true) as x`));
        await expect(async () => {
          for await (const row of leaving.stream({ mapResults: false } as never)) void row;
        }).rejects.toThrow(/role or tenant/);
      }),
    );
    await app.tenancy.run('a', async () => {
      const text = `U&"set_config"; set role none; it's '' text`;
      await app.orm.em.insert(Author, { name: text });
      expect(await app.orm.em.count(Author, { name: text })).toBe(1);
    });
  });

  test('leaves the application its own session variables', async () => {
    await using app = await open(true);
    await app.tenancy.run('a', async () => {
      const em = app.orm.em.fork({ session: { variables: { 'app.user': "o'Neill", 'app.tenant': 7 } } });
      const sql = `select current_setting('app.user') as name, current_setting('app.tenant') as tenant, current_user as role`;
      expect(await em.transactional((tx) => tx.execute(sql))).toEqual([
        { name: "o'Neill", tenant: '7', role: `${app.name}_a` },
      ]);
    });
  });

  test('is what stops it: without one, the same SQL reads the other tenant', async () => {
    await using app = await open(false);
    expect(await app.inA('select * from "t_b".author')).toContain('first of b');
  });

  test('goes with its tenant', async () => {
    await using app = await open(true);
    await app.tenancy.tenants.create({ id: 'short-lived' });
    const [{ oid } = {}] = await app.tenancy.run('short-lived', () =>
      app.orm.em.execute<{ oid: number }[]>(`select lo_from_bytea(0, 'of short-lived')::int as oid`),
    );
    await app.tenancy.tenants.remove('short-lived');
    const left = `select oid from pg_largeobject_metadata where oid = ${oid}`;
    expect(await app.tenancy.central(() => app.orm.em.execute(left))).toEqual([]);
    await app.tenancy.tenants.create({ id: 'short-lived' });
    await app.tenancy.tenants.remove('short-lived');
  });
});
