import { Migration } from '@mikro-orm/migrations';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy, type Tenancy } from '@omnitenant/core';
import { plainDatabase } from '@omnitenant/tooling';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { createOrm, type Orm } from '../orm.ts';
import type { OrmOptions } from '../orm-options.ts';
import { AddCountries, Author, Country, CreateLibrary, libraryEntities } from '../testing/library.ts';

class AddNotes extends Migration {
  override up(): void {
    this.addSql('create table note (id serial primary key, body text)');
    this.addSql(`insert into note (body) values ('it''s; one')`);
  }
  override down(): void {
    this.addSql('drop table note');
  }
}

class FillNotes extends Migration {
  override async up(): Promise<void> {
    const [found] = await this.execute('select current_schema() as name');
    await this.execute('insert into note (body) values (?)', [found?.['name']]);
  }
  override async down(): Promise<void> {
    await this.execute('delete from note where body = current_schema()');
  }
}

class IndexNotes extends Migration {
  override isTransactional(): boolean {
    return false;
  }
  override up(): void {
    this.addSql('create index concurrently note_body on note (body)');
  }
  override down(): void {
    this.addSql('drop index concurrently note_body');
  }
}

const first = [CreateLibrary, AddCountries];
/** A migration runs once for all tenants of isolation row, so that it can insert nothing for one of them. */
class AddNotesEmpty extends AddNotes {
  override up(): void {
    this.addSql('create table note (id serial primary key, body text)');
  }
}
const inRows = [...first, AddNotesEmpty, IndexNotes];
const all = [...first, AddNotes, FillNotes, IndexNotes];

interface Site extends AsyncDisposable {
  readonly name: string;
  /** The application with these migrations, as another process would open it. */
  open(
    migrations: readonly (new (...args: never[]) => Migration)[],
    options?: OrmOptions,
    driverOptions?: object,
  ): Promise<App>;
  query(sql: string): Promise<Record<string, unknown>[]>;
}

interface App {
  readonly orm: Orm;
  readonly tenancy: Tenancy;
}

const openSite = async (): Promise<Site> => {
  const database = await plainDatabase();
  const apps: App[] = [];
  const client = new pg.Client(database.url);
  await client.connect();
  return {
    name: database.name,
    async open(migrations, options = {}, driverOptions = {}) {
      const orm = await createOrm(
        defineConfig({
          clientUrl: database.url,
          driverOptions,
          entities: libraryEntities,
          migrations: { migrationsList: [...migrations] as never },
        }),
        { shared: [Country], names: { database: (id) => `${database.name}_${id}` }, ...options },
      );
      const tenancy = createTenancy({ store: orm.store, resources: [orm] });
      await tenancy.migrateCentral();
      apps.push({ orm, tenancy });
      return { orm, tenancy };
    },
    query: async (sql) => (await client.query(sql)).rows,
    async [Symbol.asyncDispose]() {
      const [app] = apps;
      for await (const { id } of app?.tenancy.tenants.all() ?? []) await app?.tenancy.tenants.remove(id);
      for (const { tenancy } of apps) await tenancy.close();
      await client.end();
      await database.drop();
    },
  };
};

const ids = (count: number) => Array.from({ length: count }, (_, n) => `t${n}`);

const statusOf = async ({ orm }: App) => {
  const all = [];
  for await (const tenant of orm.migrations.status()) all.push(tenant);
  return all;
};

const notesOf = ({ tenancy, orm }: App, id: string) =>
  tenancy.run(id, async () =>
    (await orm.em.execute<{ body: string }[]>('select body from note order by id')).map(({ body }) => body),
  );

describe('a fleet', () => {
  test.each([['schema'], ['database'], ['row']])(
    'of isolation %s is brought up to date, with code and without transactions',
    async (isolation) => {
      await using site = await openSite();
      const before = await site.open(first);
      for (const id of ids(3)) await before.tenancy.tenants.create({ id, isolation });
      const app = await site.open(isolation === 'row' ? inRows : all);
      const pending = isolation === 'row' ? ['AddNotesEmpty', 'IndexNotes'] : ['AddNotes', 'FillNotes', 'IndexNotes'];
      expect(await statusOf(app)).toMatchObject(ids(3).map((tenant) => ({ tenant, last: 'AddCountries', pending })));

      expect(await app.orm.migrations.up()).toEqual({ migrated: 3, upToDate: 0, failed: [], remaining: 0 });
      for (const id of ids(3)) {
        const notes = await notesOf(app, id);
        if (isolation === 'row') expect(notes).toEqual([]);
        else expect(notes).toEqual(["it's; one", isolation === 'schema' ? `t_${id}` : 'public']);
      }
      expect(await app.orm.migrations.up()).toEqual({ migrated: 0, upToDate: 0, failed: [], remaining: 0 });
      expect(await statusOf(app)).toMatchObject(ids(3).map((tenant) => ({ tenant, pending: [] })));
      expect(await app.orm.migrations.down({ to: 'AddCountries' })).toMatchObject({ migrated: 3, failed: [] });
      await expect(notesOf(app, 't0')).rejects.toThrow(/note/);
      await expect(app.orm.migrations.up({ to: 'None' })).rejects.toMatchObject({ code: 'MIGRATION_UNKNOWN' });
    },
  );

  test('applies each migration once, whoever else runs at the same time', async () => {
    await using site = await openSite();
    const before = await site.open(first);
    for (const id of ids(6)) await before.tenancy.tenants.create({ id });
    const app = await site.open(all);
    const reports = await Promise.all(Array.from({ length: 12 }, () => app.orm.migrations.up()));
    expect(reports.flatMap(({ failed }) => failed)).toEqual([]);
    for (const id of ids(6)) {
      expect(await notesOf(app, id)).toEqual(["it's; one", `t_${id}`]);
      const log = await site.query(`select name from t_${id}.mikro_orm_migrations order by id`);
      expect(log.map(({ name }) => name)).toEqual(all.map(({ name }) => name));
    }
  });

  test('goes on where a tenant fails, rolls that one back, and finishes it the next time', async () => {
    await using site = await openSite();
    const before = await site.open(first);
    for (const id of ids(4)) await before.tenancy.tenants.create({ id });
    await site.query('create table t_t1.note (theirs int)');
    const app = await site.open(all);
    const seen: string[] = [];
    const report = await app.orm.migrations.up({
      onProgress: ({ tenant, error }) => seen.push(error ? `${tenant}!` : tenant),
    });
    expect(report).toMatchObject({ migrated: 3, remaining: 0 });
    expect(report.failed.map(({ tenant, error }) => [tenant, error.code, error.message.includes("'t1'")])).toEqual([
      ['t1', 'MIGRATE_FAILED', true],
    ]);
    expect(seen.toSorted()).toEqual(['t0', 't1!', 't2', 't3']);
    await site.query('drop table t_t1.note');
    expect(await app.orm.migrations.up()).toMatchObject({ migrated: 1, failed: [] });
    expect(await notesOf(app, 't1')).toEqual(["it's; one", 't_t1']);
  });

  test('leaves the others alone when a canary fails, and stops when too many have', async () => {
    await using site = await openSite();
    const before = await site.open(first);
    for (const id of ids(6)) {
      await before.tenancy.tenants.create({ id });
      await site.query(`create table t_${id}.note (theirs int)`);
    }
    const app = await site.open(all);
    const canary = await app.orm.migrations.up({ canary: 2 });
    expect(canary).toMatchObject({ migrated: 0, remaining: 4, stopped: 'canary' });
    expect(canary.failed.map(({ tenant }) => tenant)).toEqual(['t0', 't1']);
    expect(await app.orm.migrations.up({ maxFailures: 1, concurrency: 1 })).toMatchObject({
      remaining: 4,
      stopped: 'failures',
    });
    const abort = new AbortController();
    const aborted = await app.orm.migrations.up({
      concurrency: 1,
      signal: abort.signal,
      onProgress: () => abort.abort(),
    });
    expect(aborted).toMatchObject({ remaining: 5, stopped: 'signal' });
  });

  test('asks the tenant’s own log where central is wrong about it', async () => {
    await using site = await openSite();
    const before = await site.open(first);
    for (const id of ids(3)) await before.tenancy.tenants.create({ id });
    const app = await site.open(all);
    await app.orm.migrations.up({ tenants: ['t1'] });
    // A process that was killed before it wrote down what it had done, and a tenant of which nothing is known.
    await site.query(
      `update central.tenant set schema_version = (select schema_version from central.tenant where id = 't0') where id = 't1'`,
    );
    await site.query(`update central.tenant set schema_version = '' where id = 't2'`);
    expect(await app.orm.migrations.up()).toMatchObject({ migrated: 2, upToDate: 1, failed: [] });
    for (const id of ids(3)) expect(await notesOf(app, id)).toEqual(["it's; one", `t_${id}`]);
  });

  test('is told what would be sent, and is asked for by patterns', async () => {
    await using site = await openSite();
    const before = await site.open(first);
    for (const id of ['eu-a', 'eu-b', 'us-a']) await before.tenancy.tenants.create({ id });
    const app = await site.open(all);
    const plan = await app.orm.migrations.plan({ tenants: ['eu-*'] });
    expect(plan.steps).toEqual([
      { pending: ['AddNotes', 'FillNotes', 'IndexNotes'], tenants: 2, examples: ['eu-a', 'eu-b'] },
    ]);
    expect(plan.migrations).toMatchObject([
      {
        name: 'AddNotes',
        sql: [expect.stringContaining('create table note'), expect.any(String)],
        transactional: true,
      },
      { name: 'FillNotes', sql: undefined },
      { name: 'IndexNotes', transactional: false },
    ]);
    expect(await app.orm.migrations.up({ tenants: ['eu-*', 'us-b'] })).toMatchObject({ migrated: 2 });
    expect(await app.orm.migrations.fake({ tenants: ['us-a'] })).toMatchObject({ migrated: 1 });
    expect(await app.orm.migrations.up()).toMatchObject({ migrated: 0, failed: [] });
    await expect(notesOf(app, 'us-a')).rejects.toThrow(/note/);
    expect(await app.orm.migrations.fake({ tenants: ['us-a'], to: 'AddCountries' })).toMatchObject({ migrated: 1 });
    expect(await app.orm.migrations.up()).toMatchObject({ migrated: 1, failed: [] });
  });

  test('with nothing to do costs one query for each server', async () => {
    await using site = await openSite();
    const sent: unknown[] = [];
    class CountingClient extends pg.Client {
      override query(...parameters: never[]): never {
        sent.push(parameters[0]);
        return (super.query as (...all: never[]) => never)(...parameters);
      }
    }
    const app = await site.open(first, {}, { Client: CountingClient });
    for (const id of ids(5)) await app.tenancy.tenants.create({ id });
    sent.length = 0;
    expect(await app.orm.migrations.up()).toEqual({ migrated: 0, upToDate: 0, failed: [], remaining: 0 });
    // One for the configuration's server, and one for all tenants that are on servers of their own.
    expect(sent).toHaveLength(2);
  });
});

describe('a new tenant', () => {
  test.each([['schema'], ['database'], ['row']])(
    'of isolation %s has every migration, those that run code too',
    async (isolation) => {
      await using site = await openSite();
      const app = await site.open(isolation === 'row' ? inRows : all);
      await app.tenancy.tenants.create({ id: 'acme', isolation });
      expect(await app.orm.migrations.up()).toMatchObject({ migrated: 0, upToDate: 0, failed: [] });
      expect(await app.tenancy.run('acme', () => app.orm.em.count(Author))).toBe(0);
    },
  );

  test('is seeded before anybody is let in, and not made when that fails', async () => {
    await using site = await openSite();
    const broken = await site.open(first, {
      seed: async (em) => {
        await em.insert(Author, { name: 'first' });
        throw new Error('no second one');
      },
    });
    await expect(broken.tenancy.tenants.create({ id: 'acme' })).rejects.toMatchObject({ code: 'PROVISION_FAILED' });
    const app = await site.open(first, {
      behind: 'refuse',
      seed: (em, { id }) => em.insert(Author, { name: `first of ${id}` }),
    });
    for (const isolation of ['schema', 'database', 'row']) {
      await app.tenancy.tenants.create({ id: isolation, isolation });
      const names = await app.tenancy.run(isolation, async () =>
        (await app.orm.em.fork().findAll(Author)).map(({ name }) => name),
      );
      expect(names).toEqual([`first of ${isolation}`]);
    }
  });

  test('of an existing schema is adopted with its rows, and leaves it where it was', async () => {
    await using site = await openSite();
    const before = await site.open(first);
    await before.tenancy.tenants.create({ id: 'acme', placement: { schema: 'legacy' } });
    await before.tenancy.run('acme', () => before.orm.em.insert(Author, { name: 'first' }));
    // As an application that never knew omnitenant would have left it.
    await site.query(
      `drop table legacy.mikro_orm_migrations; comment on schema legacy is null; delete from central.tenant`,
    );
    const app = await site.open([...first, AddNotes]);
    await expect(app.tenancy.tenants.adopt({ id: 'acme', placement: { schema: 'nowhere' } })).rejects.toMatchObject({
      code: 'PROVISION_FAILED',
    });
    await expect(app.tenancy.tenants.adopt({ id: 'acme', placement: { schema: 'legacy' } })).rejects.toMatchObject({
      code: 'PROVISION_FAILED',
    });
    await app.tenancy.tenants.adopt({ id: 'acme', placement: { schema: 'legacy' } }, { at: 'AddCountries' });
    expect(await app.tenancy.run('acme', () => app.orm.em.count(Author))).toBe(1);
    expect(await notesOf(app, 'acme')).toEqual(["it's; one"]);
    await expect(app.tenancy.tenants.adopt({ id: 'globex', placement: { schema: 'legacy' } })).rejects.toMatchObject({
      code: 'PROVISION_FAILED',
    });
    await app.tenancy.tenants.remove('acme');
    expect(await site.query('select name from legacy.author')).toEqual([{ name: 'first' }]);
    await site.query('drop schema legacy cascade');
  });
});

describe('a tenant that is behind the code', () => {
  test('is served, only read from, or refused until it is migrated, as the application says', async () => {
    await using site = await openSite();
    const before = await site.open(first);
    await before.tenancy.tenants.create({ id: 'acme' });
    const count = ({ tenancy, orm }: App) => tenancy.run('acme', () => orm.em.count(Author));
    const write = ({ tenancy, orm }: App) => tenancy.run('acme', () => orm.em.insert(Author, { name: 'one' }));
    const [serving, reading, refusing] = [
      await site.open(all, { behind: 'serve' }),
      await site.open(all, { behind: 'read-only' }),
      await site.open(all, { behind: 'refuse' }),
    ] as const;
    expect(await count(serving)).toBe(0);
    expect(await count(reading)).toBe(0);
    await expect(write(reading)).rejects.toMatchObject({ code: 'TENANT_BEHIND', headers: { 'Retry-After': '30' } });
    await expect(
      reading.tenancy.run('acme', () => reading.orm.em.transactional((em) => em.insert(Author, { name: 'one' }))),
    ).rejects.toMatchObject({ code: 'TENANT_BEHIND' });
    await expect(count(refusing)).rejects.toMatchObject({ code: 'TENANT_BEHIND', status: 503, tenant: 'acme' });
    await write(serving);
    for (const app of [reading, refusing]) {
      await app.tenancy.tenants.migrate('acme');
      await write(app);
    }
    expect(await count(refusing)).toBe(3);
    // A code that is older than the tenant serves it.
    expect(await count(await site.open(first, { behind: 'refuse' }))).toBe(3);
  });
});
