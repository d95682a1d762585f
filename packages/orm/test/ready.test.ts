import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Migration } from '@mikro-orm/migrations';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy } from '@omnitenant/core';
import { plainDatabase, type TestDatabase } from '@omnitenant/tooling';
import pg from 'pg';
import { describe, expect, test, vi } from 'vitest';
import { createOrm } from '../src/orm.ts';
import type { OrmOptions } from '../src/orm-options.ts';
import { AddCountries, Author, Country, CreateLibrary, libraryEntities } from '../src/testing/library.ts';
import { openCutShort } from './fixtures/cut-short.ts';
import { AddNotes, first } from './fixtures/fleet-site.ts';
import { migrations, type VerbProcessOptions } from './fixtures/verb-process.ts';

type Migrations = readonly (new (...args: never[]) => Migration)[];

async function open(database: TestDatabase, options: OrmOptions = {}, list: Migrations = first) {
  const orm = await createOrm(
    defineConfig({
      clientUrl: database.url,
      entities: libraryEntities,
      migrations: { migrationsList: [...list] as never },
    }),
    { shared: [Country], names: { database: (id) => `${database.name}_${id}` }, ...options },
  );
  const tenancy = createTenancy({ resources: [orm] });
  await tenancy.migrateCentral();
  return {
    orm,
    tenancy,
    ready: orm.ready,
    tenants: tenancy.tenants,
    authors: (id: string) =>
      tenancy.run(id, async () => (await orm.em.find(Author, {})).map(({ name }) => name).sort()),
    write: (id: string, name: string) => tenancy.run(id, () => orm.em.insert(Author, { name })),
    [Symbol.asyncDispose]: () => tenancy.close(),
  };
}

async function sql(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

/** What the application has made, and not dropped, in the order of names. */
async function storage({ url, name }: TestDatabase): Promise<string[]> {
  const rows = await sql(
    url,
    `select nspname as name from pg_namespace where nspname ~ '^(t|ready)_'
     union all select datname from pg_database where starts_with(datname, '${name.slice(0, 22)}')
       and shobj_description(oid, 'pg_database') like '%of ${name}' and not datistemplate
     union all select rolname from pg_roles where starts_with(rolname, '${name}_') order by 1`,
  );
  return rows.map((row) => String(row['name']));
}

describe.each(['schema', 'database'] as const)('a ready-made tenant of isolation %s', (isolation) => {
  test.each([false, true])(
    'becomes the next one under its own names, with what each begins with (roles: %s)',
    async (roles) => {
      await using database = await plainDatabase();
      let seeded = 0;
      await using app = await open(database, {
        roles,
        prepare: async (em) => void (await em.insert(Author, { name: 'prepared' })),
        seed: async (em, tenant) => {
          seeded += 1;
          await em.insert(Author, { name: `seeded ${tenant.id}` });
        },
      });
      const { ready, tenants, authors, write } = app;
      await tenants.create({ id: 'before', isolation });
      expect(await ready.stock()).toEqual([]);
      expect(await ready.fill({ isolation, count: 2 })).toEqual({ made: 2, removed: 0, ready: 2 });
      expect(await ready.fill({ isolation, count: 2 })).toEqual({ made: 0, removed: 0, ready: 2 });
      expect(seeded).toBe(1);

      const { placement } = await tenants.create({ id: 'acme', isolation });
      expect(await ready.stock()).toEqual([{ isolation, server: 'default', ready: 1, outdated: 0 }]);
      const { placement: usual } = await tenants.get('before');
      const renamed = Object.entries(usual).map(([key, value]) => [key, value.replace('before', 'acme')]);
      expect(placement).toEqual(Object.fromEntries(renamed));
      expect(await authors('acme')).toEqual(['prepared', 'seeded acme']);
      expect(await authors('before')).toEqual(['prepared', 'seeded before']);
      for await (const { pending } of app.orm.migrations.status()) expect(pending).toEqual([]);
      expect(await app.orm.migrations.verify()).toMatchObject({ well: 2, groups: [] });

      // The next of its id is another, whether it takes one or not.
      await write('acme', 'secret of the first');
      const former = await tenants.get('acme');
      await tenants.remove('acme');
      for (const _ of ['takes the second', 'is made']) {
        const successor = await tenants.create({ id: 'acme', isolation });
        expect(successor.placement).not.toEqual(former.placement);
        expect(await authors('acme')).toEqual(['prepared', 'seeded acme']);
        expect(await ready.stock()).toEqual([]);
        await tenants.remove('acme');
      }
      await tenants.remove('before');
      expect(await storage(database)).toEqual([]);
    },
  );

  test('is taken by one tenant, whichever process creates it', async () => {
    await using database = await plainDatabase();
    await using one = await open(database);
    await using other = await open(database);
    await one.ready.fill({ isolation, count: 4 });
    const ids = Array.from({ length: 6 }, (_, n) => `t${n}`);
    await Promise.all(ids.map((id, n) => (n % 2 ? one : other).tenants.create({ id, isolation })));
    expect(await one.ready.stock()).toEqual([]);
    await Promise.all(ids.map((id, n) => (n % 2 ? other : one).write(id, `of ${id}`)));
    for (const id of ids) expect(await one.authors(id)).toEqual([`of ${id}`]);
    for (const id of ids) await one.tenants.remove(id);
    expect(await storage(database)).toEqual([]);
  });

  test('is not taken by code with other migrations, which replaces those that are older than itself', async () => {
    await using database = await plainDatabase();
    await using old = await open(database);
    await using now = await open(database, {}, migrations);
    await old.ready.fill({ isolation, count: 2 });
    await now.tenants.create({ id: 'acme', isolation });
    expect(await now.ready.stock()).toEqual([{ isolation, server: 'default', ready: 0, outdated: 2 }]);
    expect(await now.ready.fill({ isolation })).toEqual({ made: 2, removed: 2, ready: 2 });
    // Code that a deployment has not reached yet leaves them alone, and takes none.
    expect(await old.ready.fill({ isolation })).toEqual({ made: 0, removed: 0, ready: 0 });
    await old.tenants.create({ id: 'birch', isolation });
    expect(await now.ready.stock()).toEqual([{ isolation, server: 'default', ready: 2, outdated: 0 }]);
    expect(await now.ready.clear({ isolation })).toBe(2);
    for (const id of ['acme', 'birch']) await now.tenants.remove(id);
    expect(await storage(database)).toEqual([]);
  });

  test('that a process has left unfinished is removed after an hour, and another application’s is not touched', async () => {
    await using database = await plainDatabase();
    await using app = await open(database);
    const since = Math.floor(Date.now() / 60_000 - 120).toString(36);
    const name = `ready_${since}0badca`;
    const prefix = `${database.name.slice(0, 22)}_`;
    const mark = `omnitenant: tenant ready@0badca@${Number.parseInt(since, 36) * 60_000} of`;
    const theirs = `ready_${since}0badf0`;
    if (isolation === 'schema') {
      await sql(database.url, `create schema ${name}; comment on schema ${name} is '${mark} ${database.name}'`);
      await sql(database.url, `create schema ${theirs}; comment on schema ${theirs} is '${mark} another'`);
    } else {
      await sql(database.url, `create database "${prefix}${name}"`);
      await sql(database.url, `comment on database "${prefix}${name}" is '${mark} ${database.name}'`);
      await sql(database.url, `create database "${prefix}${theirs}"`);
      await sql(database.url, `comment on database "${prefix}${theirs}" is 'omnitenant: ready x/y of another'`);
    }
    expect(await app.ready.fill({ isolation, count: 1 })).toEqual({ made: 1, removed: 1, ready: 1 });
    await app.tenants.create({ id: 'acme', isolation });
    expect(await app.ready.clear({ isolation })).toBe(0);
    await app.tenants.remove('acme');
    const left =
      isolation === 'schema' ? `select nspname as name from pg_namespace` : `select datname as name from pg_database`;
    const names = (await sql(database.url, left)).map((row) => row['name']);
    expect(names).toContain(isolation === 'schema' ? theirs : `${prefix}${theirs}`);
    expect(names).not.toContain(isolation === 'schema' ? name : `${prefix}${name}`);
    if (isolation === 'database') await sql(database.url, `drop database "${prefix}${theirs}"`);
  });
});

/** Each kill takes a process, so usually it is every sixth statement, of one isolation. OMNITENANT_KILLS=all: each, everywhere. */
const all = process.env.OMNITENANT_KILLS === 'all';
const step = all ? 1 : 6;

describe.each(all ? (['schema', 'database'] as const) : (['schema'] as const))(
  'a ready-made tenant of isolation %s',
  (isolation) => {
    test('is still ready, or the tenant’s, when the process that takes it is killed', async () => {
      await using database = await plainDatabase();
      const { url, name } = database;
      const { orm, tenancy } = await openCutShort(url, name, migrations);
      const { tenants } = tenancy;
      await tenancy.migrateCentral();
      let kills = 0;
      for (let at = 1 + Math.floor(Math.random() * step); at < 200; at += step) {
        await orm.ready.fill({ isolation, count: 1 });
        const killed = await isKilled({
          url,
          name,
          verb: 'create',
          isolation,
          at,
          how: kills % 2 ? 'killed before' : 'killed after',
        });
        const others = `datname = current_database() and application_name = '' and pid <> pg_backend_pid() and state = 'active'`;
        await vi.waitFor(
          async () => expect(await sql(url, `select from pg_stat_activity where ${others}`)).toEqual([]),
          30_000,
        );
        const status = (await orm.store.find('acme'))?.status;
        if (status === 'provisioning' || status === 'failed') await tenants.repair('acme');
        const stock = (await orm.ready.stock())[0]?.ready ?? 0;
        if (status === undefined) expect(stock).toBe(1);
        else {
          expect(await tenancy.run('acme', () => orm.em.execute('select id from note'))).toEqual([{ id: 1 }]);
          await tenants.remove('acme');
        }
        expect((await storage(database)).length).toBe(stock);
        if (!killed) break;
        kills += 1;
      }
      expect(kills).toBeGreaterThan(0);
      await orm.ready.clear({ isolation });
      expect(await storage(database)).toEqual([]);
      await tenancy.close();
    });
  },
);

/** Performs a verb in a process of its own, and returns whether that was killed on the way. */
async function isKilled(options: VerbProcessOptions): Promise<boolean> {
  const child = fork(fileURLToPath(new URL('fixtures/verb-process.ts', import.meta.url)), {
    execArgv: ['--conditions=@omnitenant/source'],
    env: { ...process.env, OMNITENANT_VERB: JSON.stringify(options) },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const [code, signal] = await once(child, 'exit');
  if (signal !== 'SIGKILL' && code !== 0) throw new Error(`The process has failed at statement ${options.at}.`);
  return signal === 'SIGKILL';
}

test('a tenant with names of its own takes one too, and one on which a name is taken is told so', async () => {
  await using database = await plainDatabase();
  await using app = await open(database);
  await app.ready.fill({ count: 1 });
  await sql(database.url, 'create schema crm');
  await expect(app.tenants.create({ id: 'acme', placement: { schema: 'crm' } })).rejects.toMatchObject({
    code: 'PROVISION_FAILED',
    cause: expect.objectContaining({ message: expect.stringContaining('"crm" exists already') }),
  });
  expect(await app.ready.stock()).toMatchObject([{ ready: 1 }]);
  await app.tenants.create({ id: 'acme', placement: { schema: 'sales' } });
  expect(await app.ready.stock()).toEqual([]);
  await app.write('acme', 'of acme');
  expect(await sql(database.url, 'select name from sales.author')).toEqual([{ name: 'of acme' }]);
});

test('what fails while it is made leaves nothing, and what keeps the name of its schema is refused', async () => {
  class KeepsPath extends Migration {
    override up(): void {
      this.addSql(
        `create function authors() returns bigint language sql set search_path from current as 'select count(*) from author'`,
      );
    }
  }
  class KeepsName extends Migration {
    override up(): void {
      this.addSql(`do $$ begin execute format(
        'create function authors() returns bigint language sql as %L', format('select count(*) from %I.author', current_schema())); end $$`);
    }
  }
  await using database = await plainDatabase();
  for (const keeps of [KeepsPath, KeepsName]) {
    await using app = await open(database, {}, [CreateLibrary, AddCountries, keeps]);
    await expect(app.ready.fill({ count: 1 })).rejects.toMatchObject({
      code: 'PROVISION_FAILED',
      message: expect.stringContaining('"authors" stores the name'),
    });
  }
  await using failing = await open(database, { prepare: () => Promise.reject(new Error('no data')) }, [
    ...first,
    AddNotes,
  ]);
  await expect(failing.ready.fill({ isolation: 'database', count: 1 })).rejects.toThrow('no data');
  expect(await storage(database)).toEqual([]);
});

test('what cannot be made ahead is refused with a sentence', async () => {
  await using database = await plainDatabase();
  await using app = await open(database);
  const { ready } = app;
  await expect(ready.fill({ isolation: 'row' as never, count: 1 })).rejects.toThrow('share tables');
  await expect(ready.fill({ server: 'nowhere', count: 1 })).rejects.toThrow('no server "nowhere"');
  await expect(ready.fill({ count: -1 })).rejects.toThrow('whole number');
  await expect(ready.fill({ amount: 1 } as never)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  const stop = AbortSignal.abort();
  expect(await ready.fill({ count: 3, signal: stop })).toEqual({ made: 0, removed: 0, ready: 0 });
});
