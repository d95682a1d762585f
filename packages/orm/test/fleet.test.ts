import { Migration } from '@mikro-orm/migrations';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { Author } from '../src/testing/library.ts';
import {
  AddNotes,
  type App,
  all,
  FillNotes,
  first,
  ids,
  inRows,
  notesOf,
  openSite,
  statusOf,
} from './fixtures/fleet-site.ts';

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

      expect(await app.orm.migrations.up()).toEqual({ total: 3, migrated: 3, upToDate: 0, failed: [], remaining: 0 });
      for (const id of ids(3)) {
        const notes = await notesOf(app, id);
        if (isolation === 'row') expect(notes).toEqual([]);
        else expect(notes).toEqual(["it's; one", isolation === 'schema' ? `t_${id}` : 'public']);
      }
      expect(await app.orm.migrations.up()).toEqual({ total: 0, migrated: 0, upToDate: 0, failed: [], remaining: 0 });
      expect(await statusOf(app)).toMatchObject(ids(3).map((tenant) => ({ tenant, pending: [] })));
      expect(await app.orm.migrations.down({ to: 'AddCountries' })).toMatchObject({ migrated: 3, failed: [] });
      await expect(notesOf(app, 't0')).rejects.toThrow(/note/);
      await expect(app.orm.migrations.up({ to: 'None' })).rejects.toMatchObject({ code: 'MIGRATION_UNKNOWN' });
    },
  );

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
    expect(report.failed.map(({ tenant, error }) => [tenant, error.code, error.message.includes('"t1"')])).toEqual([
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
    expect(canary).toMatchObject({ total: 6, migrated: 0, remaining: 4, stopped: 'canary' });
    // They are spread over the fleet: those of the lowest ids are often the oldest.
    expect(canary.failed.map(({ tenant }) => tenant).toSorted()).toEqual(['t2', 't3']);
    const named = await app.orm.migrations.up({ canary: ['t5', 't1'] });
    expect(named.failed.map(({ tenant }) => tenant).toSorted()).toEqual(['t1', 't5']);
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
    expect(await app.orm.migrations.plan({ skip: ['us-*'], step: 1 })).toMatchObject({
      steps: [{ pending: ['AddNotes'], tenants: 2 }],
      migrations: [{ name: 'AddNotes', warnings: [] }],
    });
    expect(await app.orm.migrations.up({ tenants: ['eu-*', 'us-b'] })).toMatchObject({ migrated: 2 });
    expect(await app.orm.migrations.fake({ tenants: ['us-a'] })).toMatchObject({ migrated: 1 });
    expect(await app.orm.migrations.up()).toMatchObject({ migrated: 0, failed: [] });
    await expect(notesOf(app, 'us-a')).rejects.toThrow(/note/);
    expect(await app.orm.migrations.fake({ tenants: ['us-a'], to: 'AddCountries' })).toMatchObject({ migrated: 1 });
    expect(await app.orm.migrations.up({ step: 1, skip: ['eu-*'] })).toMatchObject({
      total: 1,
      migrated: 1,
      failed: [],
    });
    expect(await app.orm.migrations.plan({ direction: 'down', to: 'AddCountries' })).toMatchObject({
      steps: [
        { pending: ['IndexNotes', 'FillNotes', 'AddNotes'], examples: ['eu-a', 'eu-b'] },
        { pending: ['AddNotes'], examples: ['us-a'] },
      ],
      migrations: [
        { name: 'IndexNotes' },
        { name: 'FillNotes', sql: undefined },
        { name: 'AddNotes', warnings: [{ kind: 'loss' }, {}] },
      ],
    });
    // Undoing more than there is to undo is refused before anything is sent.
    await expect(app.orm.migrations.plan({ direction: 'down', step: 5 })).rejects.toThrow(
      /"AddCountries".*cannot be reverted/,
    );
  });

  test('goes on past a tenant that is removed meanwhile, which is no failure', async () => {
    await using site = await openSite();
    const before = await site.open(first);
    for (const id of ids(3)) await before.tenancy.tenants.create({ id });
    const app = await site.open([...first, AddNotes, FillNotes]);
    await using held = await site.hold('create table t_t0.note ()');
    const run = app.orm.migrations.up({ concurrency: 1, maxFailures: 0 });
    await held.waitedFor();
    await before.tenancy.tenants.remove('t1');
    await held.release();
    expect(await run).toEqual({ total: 3, migrated: 2, upToDate: 0, removed: 1, failed: [], remaining: 0 });
    expect(await notesOf(app, 't2')).toEqual(["it's; one", 't_t2']);
    // PostgreSQL would have made the tables of a schema that is not there in that of temporary ones.
    expect(await site.query(`select relname from pg_class where relname = 'note' and relpersistence = 't'`)).toEqual(
      [],
    );
  });

  test('has more workers than there are connections, and they wait for each other', async () => {
    await using site = await openSite();
    const before = await site.open(first);
    for (const id of ids(6)) await before.tenancy.tenants.create({ id });
    // Two at once is one too many, so that they are refused at once, and not after a while.
    const app = await site.open(all, { connections: { max: 1, maxWaiting: 1, waitMs: 120_000 } });
    await using held = await site.hold('create table t_t0.note ()');
    const run = app.orm.migrations.up({ concurrency: 6 });
    await held.waitedFor();
    await held.release();
    expect(await run).toEqual({ total: 6, migrated: 6, upToDate: 0, failed: [], remaining: 0 });
  });

  test('tells central of a tenant at once, and not when the others are done', async () => {
    await using site = await openSite();
    const before = await site.open(first);
    for (const id of ids(2)) await before.tenancy.tenants.create({ id });
    const app = await site.open([...first, AddNotes]);
    await using held = await site.hold('create table t_t1.note ()');
    const run = app.orm.migrations.up();
    while ((await statusOf(app))[0]?.pending?.length !== 0);
    expect(await statusOf(app)).toMatchObject([{ last: 'AddNotes' }, { last: 'AddCountries' }]);
    await held.release();
    expect(await run).toMatchObject({ migrated: 2, failed: [] });
  });

  test('fails where a lock is not to be had in the time that is set for it, and is finished later', async () => {
    class AddAge extends Migration {
      override up(): void {
        this.addSql(`set local lock_timeout to '500ms'`);
        this.addSql('alter table author add column age int');
      }
    }
    await using site = await openSite();
    const before = await site.open(first);
    for (const id of ids(3)) await before.tenancy.tenants.create({ id });
    const app = await site.open([...first, AddAge]);
    await using reading = await site.hold('select from t_t1.author');
    const report = await app.orm.migrations.up();
    expect(report).toMatchObject({ migrated: 2, remaining: 0, failed: [{ tenant: 't1' }] });
    expect(report.failed[0]?.error.message).toContain('lock timeout');
    // What is in use meanwhile goes on.
    expect(await before.tenancy.run('t1', () => before.orm.em.count(Author))).toBe(0);
    await reading.release();
    expect(await app.orm.migrations.up()).toMatchObject({ migrated: 1, failed: [] });
  });

  test('of an older code leaves what a newer one has migrated, and both serve it', async () => {
    await using site = await openSite();
    const older = await site.open(first, { pendingMigrations: 'refuse' });
    const newer = await site.open(all, { pendingMigrations: 'refuse' });
    await older.tenancy.tenants.create({ id: 'acme' });
    await newer.orm.migrations.up();
    const known = await site.query('select schema_version from central.tenant');
    expect(await older.orm.migrations.up()).toMatchObject({ migrated: 0, ahead: 1, failed: [] });
    const undone = await older.orm.migrations.down({ to: 0 });
    expect(undone.failed.map(({ error }) => error.message)).toEqual([
      expect.stringContaining('which this code does not have'),
    ]);
    await older.tenancy.tenants.migrate('acme');
    expect(await site.query('select schema_version from central.tenant')).toEqual(known);
    for (const { tenancy, orm } of [await site.open(first, { pendingMigrations: 'refuse' }), newer, older]) {
      expect(await tenancy.run('acme', () => orm.em.count(Author))).toBe(0);
    }
    expect(await newer.orm.migrations.up()).toEqual({ total: 0, migrated: 0, upToDate: 0, failed: [], remaining: 0 });
  });

  test('reports a tenant on a server that this process does not know, and does not pass over it', async () => {
    await using site = await openSite();
    const { hostname, port } = new URL(site.url);
    const servers = { far: { host: hostname, port: Number(port || 5432), maintenanceDatabase: site.name } };
    const before = await site.open(first, { servers });
    await before.tenancy.tenants.create({ id: 'away', isolation: 'database', placement: { server: 'far' } });
    await before.tenancy.tenants.create({ id: 'here' });
    const app = await site.open(all);
    const report = await app.orm.migrations.up();
    expect(report).toMatchObject({ migrated: 1, remaining: 0, failed: [{ tenant: 'away' }] });
    expect(report.failed[0]?.error.message).toContain('no such server');
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
    const app = await site.open(first, {}, { driverOptions: { Client: CountingClient } });
    for (const id of ids(5)) await app.tenancy.tenants.create({ id });
    sent.length = 0;
    expect(await app.orm.migrations.up()).toEqual({ total: 0, migrated: 0, upToDate: 0, failed: [], remaining: 0 });
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
      pendingMigrations: 'refuse',
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
    const mark = () => site.query(`select obj_description('legacy'::regnamespace) as mark`);
    await expect(
      app.tenancy.tenants.adopt({ id: 'acme', placement: { schema: 'legacy' } }, { at: 'NoSuch' }),
    ).rejects.toMatchObject({ code: 'PROVISION_FAILED', cause: { code: 'MIGRATION_UNKNOWN' } });
    expect(await mark()).toEqual([{ mark: null }]);
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
      await site.open(all, { pendingMigrations: 'serve' }),
      await site.open(all, { pendingMigrations: 'read-only' }),
      await site.open(all, { pendingMigrations: 'refuse' }),
    ] as const;
    expect(await count(serving)).toBe(0);
    expect(await count(reading)).toBe(0);
    await expect(write(reading)).rejects.toMatchObject({
      code: 'MIGRATIONS_PENDING',
      headers: { 'Retry-After': '30' },
    });
    await expect(
      reading.tenancy.run('acme', () => reading.orm.em.transactional((em) => em.insert(Author, { name: 'one' }))),
    ).rejects.toMatchObject({ code: 'MIGRATIONS_PENDING' });
    await expect(count(refusing)).rejects.toMatchObject({ code: 'MIGRATIONS_PENDING', status: 503, tenant: 'acme' });
    await write(serving);
    for (const app of [reading, refusing]) {
      await app.tenancy.tenants.migrate('acme');
      await write(app);
    }
    expect(await count(refusing)).toBe(3);
    // A code that is older than the tenant serves it.
    expect(await count(await site.open(first, { pendingMigrations: 'refuse' }))).toBe(3);
  });
});
