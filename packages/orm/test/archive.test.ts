import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy, type Tenancy } from '@omnitenant/core';
import { plainDatabase, type TestDatabase } from '@omnitenant/tooling';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createOrm, type Orm } from '../src/orm.ts';
import { everyType, fillEveryType } from './fixtures/every-type.ts';
import { migration } from './fixtures/row-application.ts';

const isolations = ['schema', 'database', 'row'] as const;

interface Application extends AsyncDisposable {
  readonly orm: Orm;
  readonly tenancy: Tenancy;
  sql(tenant: string, text: string): Promise<Record<string, unknown>[]>;
}

async function start(
  database: TestDatabase,
  migrations: readonly (new () => object)[],
  options: object = {},
): Promise<Application> {
  const orm = await createOrm(
    defineConfig({ clientUrl: database.url, entities: [], migrations: { migrationsList: migrations as never } }),
    { names: { database: (id) => `${database.name}_${id}` }, ...options },
  );
  const tenancy = createTenancy({ resources: [orm], verbs: { waitMs: 2_000 } });
  await tenancy.migrateCentral();
  return {
    orm,
    tenancy,
    sql: (tenant, text) => tenancy.run(tenant, () => orm.em.execute(text)),
    [Symbol.asyncDispose]: () => tenancy.close(),
  };
}

async function archiveOf({ tenancy }: Pick<Application, 'tenancy'>, id: string): Promise<Buffer> {
  return buffer(await tenancy.tenants.export(id));
}

const from = (archive: Uint8Array) => Readable.from([archive]);

/** The digests of an archive's tables, by which tenants are compared. */
function digestsOf(archive: Buffer): readonly { name: string; sha256: string }[] {
  const tar = zstdDecompressSync(archive).toString('latin1');
  const { parts } = JSON.parse(tar.slice(tar.lastIndexOf('{\n  "parts"')).replace(/\0+$/, '')) as {
    parts: { name: string; sha256: string }[];
  };
  return parts.filter(({ name }) => name.startsWith('orm/table'));
}

describe('a tenant with everything that PostgreSQL can hold', () => {
  let database: TestDatabase;
  let app: Application;

  beforeAll(async () => {
    database = await plainDatabase();
    app = await start(database, [migration('EveryType', everyType)]);
    for (const isolation of isolations) {
      const id = `from-${isolation}`;
      await app.tenancy.tenants.create({ id, isolation });
      await app.tenancy.run(id, () => fillEveryType((text) => app.orm.em.execute(text), id));
    }
  });

  afterAll(async () => {
    for await (const { id } of app.tenancy.tenants.all()) await app.tenancy.tenants.remove(id);
    await app[Symbol.asyncDispose]();
    await database.drop();
  });

  test.each(isolations.flatMap((one) => isolations.map((other) => [one, other] as const)))(
    'comes from isolation %s to isolation %s unchanged',
    async (source, isolation) => {
      const archive = await archiveOf(app, `from-${source}`);
      const id = `${source}-to-${isolation}`;
      const elsewhere = isolation === 'row' ? { placement: { schema: `rows_${source}` } } : {};
      const tenant = await app.tenancy.tenants.import(from(archive), { as: id, isolation, ...elsewhere });
      expect(tenant).toMatchObject({ id, isolation, status: 'active' });
      expect(digestsOf(await archiveOf(app, id))).toEqual(digestsOf(archive));
      // Sequences go on where they were, and generated columns are there.
      await app.sql(id, `insert into person (name) values ('after')`);
      const [person] = await app.sql(id, `select id, shout from person where name = 'after'`);
      expect(person).toEqual({ id: 4, shout: 'AFTER' });
    },
  );

  test('has an archive without a byte of another tenant', async () => {
    for (const isolation of isolations) {
      const tar = zstdDecompressSync(await archiveOf(app, `from-${isolation}`)).toString('latin1');
      expect(tar).toContain(`of from-${isolation}`);
      for (const other of isolations.filter((one) => one !== isolation)) expect(tar).not.toContain(`from-${other}`);
    }
  });
});

const createTask = migration('CreateTask', 'create table task (id serial primary key, title text not null)');
const addDone = migration('AddDone', 'alter table task add done boolean not null default false');

/** The error that an import or an export fails with, or the cause of it. */
async function failureOf(work: Promise<unknown>): Promise<{ code?: string; message: string }> {
  const error = (await work.then(
    () => expect.fail('It did not fail.'),
    (failure: unknown) => failure,
  )) as Error & { code?: string; cause?: Error };
  return error.code === 'PROVISION_FAILED' || error.code === 'EXPORT_FAILED' ? (error.cause as Error) : error;
}

describe('an archive of an application', () => {
  test('is imported at its own version, and migrated to that of the code', async () => {
    await using database = await plainDatabase();
    let archive: Buffer;
    {
      await using before = await start(database, [createTask]);
      await before.tenancy.tenants.create({ id: 'acme' });
      await before.sql('acme', "insert into task (title) values ('one')");
      archive = await archiveOf(before, 'acme');
    }
    await using after = await start(database, [createTask, addDone]);
    await after.tenancy.tenants.import(from(archive), { as: 'again' });
    expect(await after.sql('again', 'select * from task')).toEqual([{ id: 1, title: 'one', done: false }]);
    for await (const { pending } of after.orm.migrations.status({ tenants: ['again'] })) expect(pending).toEqual([]);

    // Tables that tenants share have one version.
    await after.tenancy.tenants.create({ id: 'shares', isolation: 'row' });
    expect(
      await failureOf(after.tenancy.tenants.import(from(archive), { as: 'rows', isolation: 'row' })),
    ).toMatchObject({
      code: 'ARCHIVE_INVALID',
      message: expect.stringContaining('isolation "schema", which migrates it'),
    });
    expect(await after.tenancy.tenants.tryGet('rows')).toBeUndefined();
    for (const id of ['acme', 'again', 'shares']) await after.tenancy.tenants.remove(id);
  });

  test('is refused by another one, and by older code', async () => {
    await using database = await plainDatabase();
    await using one = await start(database, [createTask, addDone]);
    await one.tenancy.tenants.create({ id: 'acme' });
    const archive = await archiveOf(one, 'acme');
    await using second = await plainDatabase();
    for (const migrations of [[migration('Other', 'create table task (id int)')], [createTask]]) {
      await using other = await start(second, migrations);
      expect(await failureOf(other.tenancy.tenants.import(from(archive)))).toMatchObject({ code: 'ARCHIVE_INVALID' });
      expect(await other.tenancy.tenants.tryGet('acme')).toBeUndefined();
    }
    await one.tenancy.tenants.remove('acme');
  });

  test.each(['schema', 'row'])(
    'whose rows cannot be stored leaves nothing behind in isolation %s',
    async (isolation) => {
      await using database = await plainDatabase();
      await using app = await start(database, [createTask]);
      await app.tenancy.tenants.create({ id: 'acme', isolation });
      await app.sql('acme', "insert into task (title) values ('one'), ('two')");
      const archive = await archiveOf(app, 'acme');
      const tar = zstdDecompressSync(archive);
      tar.write('\\N ', tar.indexOf('one\n'), 'latin1');
      const broken = app.tenancy.tenants.import(from(zstdCompressSync(tar)), { as: 'broken', isolation });
      await expect(broken).rejects.toMatchObject({ code: 'PROVISION_FAILED' });
      expect(await app.tenancy.tenants.tryGet('broken')).toBeUndefined();
      expect(await app.sql('acme', 'select title from task order by id')).toEqual([{ title: 'one' }, { title: 'two' }]);
      // Nothing is in its way, and so nothing is left of the one that failed.
      if (isolation !== 'row') await app.tenancy.tenants.import(from(archive), { as: 'broken', isolation });
      for await (const { id } of app.tenancy.tenants.all()) await app.tenancy.tenants.remove(id);
    },
  );

  test.each(isolations)(
    'whose rows are refused is refused without what is in them, in isolation %s',
    async (isolation) => {
      await using database = await plainDatabase();
      const tables = migration('Unique', [
        'create table note (id int primary key, body text unique)',
        'create table a (id int primary key, b int)',
        'create table b (id int primary key, a int references a, body varchar(20) not null)',
        'alter table a add foreign key (b) references b',
      ]);
      await using app = await start(database, [tables]);
      await app.tenancy.tenants.create({ id: 'acme', isolation });
      await app.sql('acme', "insert into note values (1, 'diary of ada'), (2, 'diary of bob')");
      await app.sql('acme', "insert into a values (1, null); insert into b values (1, 1, 'diary of eve')");
      const archive = await archiveOf(app, 'acme');
      for (const [from, to, where] of [
        ['diary of bob', 'diary of ada', '"note"'],
        ['2\tdiary', 'x\tdiary', '"note"'],
        ['1\t1\tdiary of eve', '1\t7\tdiary of eve', ''],
      ] as const) {
        const tar = zstdDecompressSync(archive);
        tar.write(to, tar.indexOf(from), 'latin1');
        const broken = app.tenancy.tenants.import(Readable.from([zstdCompressSync(tar)]), {
          as: 'broken',
          isolation,
          placement: isolation === 'row' ? { schema: 'elsewhere' } : {},
        });
        const error = await broken.catch((thrown: unknown) => thrown);
        expect(error).toMatchObject({ code: 'PROVISION_FAILED', cause: { code: 'ARCHIVE_INVALID' } });
        expect((error as Error & { cause: Error }).cause.message).toContain(where);
        expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('diary');
      }
      await app.tenancy.tenants.remove('acme');
    },
  );

  test('comes into shared tables only where its keys are free there', async () => {
    await using database = await plainDatabase();
    await using app = await start(database, [createTask], { isolation: 'row' });
    for (const id of ['acme', 'bloom']) {
      await app.tenancy.tenants.create({ id });
      await app.sql(id, `insert into task (title) values ('of ${id}')`);
    }
    const archive = await archiveOf(app, 'acme');
    expect(await failureOf(app.tenancy.tenants.import(from(archive), { as: 'copy' }))).toMatchObject({
      code: 'ARCHIVE_INVALID',
      message: expect.stringContaining('isolation "schema" or "database"'),
    });
    await app.tenancy.tenants.remove('acme');
    await app.tenancy.tenants.import(from(archive));
    expect(await app.sql('acme', 'select title from task')).toEqual([{ title: 'of acme' }]);
    expect(await app.sql('bloom', 'select title from task')).toEqual([{ title: 'of bloom' }]);
    await app.sql('acme', "insert into task (title) values ('later')");
    for (const id of ['acme', 'bloom']) await app.tenancy.tenants.remove(id);
  });

  test('leaves those who share its sequences the numbers that they need', async () => {
    await using database = await plainDatabase();
    await using app = await start(database, [createTask], { isolation: 'row' });
    await app.tenancy.tenants.create({ id: 'bloom' });
    for (const [id, value] of [
      ['far', 2_147_483_647],
      ['near', 1_000],
    ] as const) {
      await app.tenancy.tenants.create({ id, isolation: 'schema' });
      await app.sql(id, `select setval('task_id_seq', ${value})`);
    }
    const archive = await archiveOf(app, 'far');
    const refused = { message: expect.stringContaining('"task_id_seq"') };
    const imported = failureOf(app.tenancy.tenants.import(from(archive), { as: 'copy' }));
    expect(await imported).toMatchObject({ code: 'ARCHIVE_INVALID', ...refused });
    await expect(app.tenancy.tenants.move('far', { isolation: 'row' })).rejects.toMatchObject({
      code: 'MOVE_FAILED',
      ...refused,
    });
    await app.tenancy.tenants.import(from(await archiveOf(app, 'near')), { as: 'copy' });
    const [task] = await app.sql('bloom', "insert into task (title) values ('next') returning id");
    expect(task).toEqual({ id: 1_001 });
    for await (const { id } of app.tenancy.tenants.all()) await app.tenancy.tenants.remove(id);
  });

  test('does not keep those who share its sequences waiting while its rows are compared', async () => {
    await using database = await plainDatabase();
    // Each row that is read back takes its time.
    const slow = `create policy slow on task as restrictive for select using (title <> 'slow' or pg_sleep(0.05) is not null)`;
    await using app = await start(database, [createTask, migration('Slow', slow)], { isolation: 'row' });
    await app.tenancy.tenants.create({ id: 'bloom' });
    await app.tenancy.tenants.create({ id: 'acme', isolation: 'schema' });
    await app.sql('acme', "select setval('task_id_seq', 1000)");
    await app.sql('acme', "insert into task (title) select 'slow' from generate_series(1, 60)");
    const archive = await archiveOf(app, 'acme');
    let isOver = false;
    const imported = app.tenancy.tenants.import(from(archive), { as: 'copy' }).finally(() => (isOver = true));
    let longestMs = 0;
    const began = performance.now();
    for (let at = began; !isOver; ) {
      await app.sql('bloom', "insert into task (title) values ('meanwhile')");
      const now = performance.now();
      [longestMs, at] = [Math.max(longestMs, now - at), now];
    }
    await imported;
    expect(performance.now() - began).toBeGreaterThan(60 * 50);
    expect(longestMs).toBeLessThan(1_500);
    for (const id of ['acme', 'bloom', 'copy']) await app.tenancy.tenants.remove(id);
  });
});

describe('triggers', () => {
  const noting = migration('Noting', [
    'create table note (body text)',
    'create table task (id uuid primary key, title text)',
    `create function note_task() returns trigger language plpgsql as $$ begin insert into note values (new.title); return null; end $$`,
    'create trigger note_task after insert on task for each row execute function note_task()',
  ]);

  test('do not fire while an archive is imported, and do afterwards', async () => {
    await using database = await plainDatabase();
    await using app = await start(database, [noting]);
    await app.tenancy.tenants.create({ id: 'acme' });
    await app.sql('acme', "insert into task values (gen_random_uuid(), 'one')");
    const archive = await archiveOf(app, 'acme');
    await app.tenancy.tenants.import(from(archive), { as: 'copy' });
    expect(await app.sql('copy', 'select body from note')).toEqual([{ body: 'one' }]);
    await app.sql('copy', "insert into task values (gen_random_uuid(), 'two')");
    expect(await app.sql('copy', 'select body from note order by 1')).toEqual([{ body: 'one' }, { body: 'two' }]);

    // In shared tables they fire for all tenants, and what they change is found out.
    await expect(
      failureOf(app.tenancy.tenants.import(from(archive), { as: 'rows', isolation: 'row' })),
    ).resolves.toMatchObject({
      code: 'ARCHIVE_INVALID',
      message: expect.stringContaining('a trigger changes them'),
    });
    for (const id of ['acme', 'copy']) await app.tenancy.tenants.remove(id);
  });

  test('that fire while rows come into shared tables change nothing of the tenants who share them', async () => {
    await using database = await plainDatabase();
    const counting = migration('Counting', [
      'create table task (id uuid primary key default gen_random_uuid(), title text)',
      'create table total (tasks int, seen int)',
      `create function count_task() returns trigger language plpgsql as $$ begin
         update total set tasks = tasks + 1, seen = (select count(*) from task); return null; end $$`,
      'create trigger count_task after insert on task for each row execute function count_task()',
      'create constraint trigger count_later after insert on task deferrable initially deferred for each row execute function count_task()',
    ]);
    await using app = await start(database, [counting], { isolation: 'row' });
    await app.tenancy.tenants.create({ id: 'bloom' });
    await app.sql('bloom', 'insert into total values (0, 0)');
    for (const id of ['acme', 'mover']) {
      await app.tenancy.tenants.create({ id, isolation: 'schema' });
      await app.sql(id, "insert into task (title) values ('one'), ('two')");
    }
    await app.tenancy.tenants.import(from(await archiveOf(app, 'acme')), { as: 'copy' });
    await app.tenancy.tenants.move('mover', { isolation: 'row' });
    expect(await app.sql('bloom', 'select tasks, seen from total')).toEqual([{ tasks: 0, seen: 0 }]);
    for (const id of ['copy', 'mover']) {
      expect(await app.sql(id, 'select title from task order by 1')).toEqual([{ title: 'one' }, { title: 'two' }]);
    }
    for (const id of ['acme', 'bloom', 'copy', 'mover']) await app.tenancy.tenants.remove(id);
  });

  test('of a truncation, or of one partition, do not fire either, and do afterwards', async () => {
    await using database = await plainDatabase();
    const guarded = migration('Guarded', [
      'create table note (body text)',
      'create table event (id int, day int, primary key (id, day)) partition by range (day)',
      'create table event_early partition of event for values from (0) to (10)',
      `create function note_event() returns trigger language plpgsql as $$ begin insert into note values (new.id); return new; end $$`,
      'create trigger note_event before insert on event_early for each row execute function note_event()',
      `create function append_only() returns trigger language plpgsql as $$ begin raise exception 'append only'; end $$`,
      'create trigger append_only before truncate on event for each statement execute function append_only()',
    ]);
    await using app = await start(database, [guarded]);
    await app.tenancy.tenants.create({ id: 'acme' });
    await app.sql('acme', 'insert into event values (1, 1)');
    await app.tenancy.tenants.import(from(await archiveOf(app, 'acme')), { as: 'copy' });
    await app.tenancy.tenants.move('acme', { isolation: 'database' });
    for (const id of ['acme', 'copy']) {
      expect(await app.sql(id, 'select body from note')).toEqual([{ body: '1' }]);
      await app.sql(id, 'insert into event values (2, 1)');
      expect(await app.sql(id, 'select body from note order by 1')).toEqual([{ body: '1' }, { body: '2' }]);
      await expect(app.sql(id, 'truncate event')).rejects.toThrow('append only');
      await app.tenancy.tenants.remove(id);
    }
  });
});

test('rows come back that are older than a constraint which was not validated, and later ones keep to it', async () => {
  await using database = await plainDatabase();
  const strict = migration('Strict', [
    `alter table task add constraint named check (title <> '') not valid`,
    'alter table task add constraint parent foreign key (id) references task (id) not valid',
    'create table parent (id int primary key)',
    'alter table task add constraint of_parent foreign key (id) references parent not valid',
    'create table event (day int) partition by range (day)',
    'create table event_early partition of event for values from (0) to (10)',
    'alter table event add constraint late check (day > 5) not valid',
  ]);
  {
    await using before = await start(database, [createTask]);
    await before.tenancy.tenants.create({ id: 'acme' });
    await before.sql('acme', "insert into task (title) values ('')");
  }
  await using app = await start(database, [createTask, strict]);
  await app.tenancy.tenants.migrate('acme');
  await app.tenancy.tenants.import(from(await archiveOf(app, 'acme')), { as: 'copy' });
  await app.tenancy.tenants.move('acme', { isolation: 'database' });
  for (const id of ['acme', 'copy']) {
    expect(await app.sql(id, 'select title from task')).toEqual([{ title: '' }]);
    await expect(app.sql(id, "insert into task (title) values ('')")).rejects.toThrow('named');
    await expect(app.sql(id, "insert into task (title) values ('new')")).rejects.toThrow('of_parent');
    await expect(app.sql(id, 'insert into event values (1)')).rejects.toThrow('late');
    await app.tenancy.tenants.remove(id);
  }
});

test('rows come back behind those that they refer to, also by a foreign key from a partition or to one', async () => {
  await using database = await plainDatabase();
  const partitioned = migration('Partitioned', [
    'create table zone (id int primary key)',
    'create table event (id int, day int, primary key (id, day)) partition by range (day)',
    'create table event_early partition of event for values from (0) to (10)',
    'alter table event_early add foreign key (id) references zone',
    'create table answer (id int primary key, event int, day int, foreign key (event, day) references event_early (id, day))',
  ]);
  await using app = await start(database, [partitioned]);
  await app.tenancy.tenants.create({ id: 'acme' });
  await app.sql('acme', 'insert into zone values (1)');
  await app.sql('acme', 'insert into event values (1, 2)');
  await app.sql('acme', 'insert into answer values (1, 1, 2)');
  await app.tenancy.tenants.import(from(await archiveOf(app, 'acme')), { as: 'copy' });
  for (const id of ['acme', 'copy']) {
    expect(await app.sql(id, 'select * from answer')).toEqual([{ id: 1, event: 1, day: 2 }]);
    await app.tenancy.tenants.remove(id);
  }
});

describe('an export', () => {
  test('refuses large objects, and tables in further schemas', async () => {
    await using database = await plainDatabase();
    await using app = await start(database, [migration('Files', 'create table file (id int, content oid)')]);
    await app.tenancy.tenants.create({ id: 'acme', isolation: 'database' });
    await app.sql('acme', 'insert into file values (1, 4711)');
    await archiveOf(app, 'acme');
    await app.sql('acme', "insert into file values (2, lo_from_bytea(0, 'x'))");
    expect(await failureOf(archiveOf(app, 'acme'))).toMatchObject({
      code: 'ARCHIVE_REFUSED',
      message: expect.stringContaining('column "content" of its table "file"'),
    });
    await app.sql('acme', 'delete from file');
    await app.sql('acme', 'create schema more; create table more.own (id int)');
    expect(await failureOf(archiveOf(app, 'acme'))).toMatchObject({
      code: 'ARCHIVE_REFUSED',
      message: expect.stringContaining('("more")'),
    });
    await app.tenancy.tenants.remove('acme');
  });

  test('reads one moment, though the tenant truncates a table meanwhile', async () => {
    await using database = await plainDatabase();
    const tables = migration('Two', [
      'create table a (id int primary key, body text)',
      'create table b (id int primary key)',
    ]);
    await using app = await start(database, [tables]);
    await app.tenancy.tenants.create({ id: 'acme' });
    // So much that the export cannot have come to `b` while nobody reads it.
    const body = "string_agg(md5((n * 7)::text || random()), '')";
    await app.sql('acme', `insert into a select n % 20, ${body} from generate_series(1, 400000) n group by 1`);
    await app.sql('acme', 'insert into b values (1)');
    const reader = (await app.tenancy.tenants.export('acme')).getReader();
    const chunks = [(await reader.read()).value as Uint8Array];
    const truncated = app.sql('acme', 'truncate b');
    const waits = `select from pg_locks where not granted and database = (select oid from pg_database where datname = '${database.name}')`;
    await Promise.race([truncated, vi.waitFor(async () => expect(await app.sql('acme', waits)).toHaveLength(1))]);
    for (let next = await reader.read(); !next.done; next = await reader.read()) chunks.push(next.value);
    await truncated;
    await app.tenancy.tenants.import(from(Buffer.concat(chunks)), { as: 'copy' });
    expect(await app.sql('copy', 'select id from b')).toEqual([{ id: 1 }]);
    for (const id of ['acme', 'copy']) await app.tenancy.tenants.remove(id);
  });

  test("is refused where the application's own policies may hide rows from it", async () => {
    await using database = await plainDatabase();
    const hiding = migration('Hiding', [
      'create table task (id int primary key, hidden boolean)',
      'alter table task enable row level security',
      'create policy shown on task using (not hidden) with check (true)',
    ]);
    await using app = await start(database, [hiding], { roles: true });
    await app.tenancy.tenants.create({ id: 'acme' });
    await app.sql('acme', 'insert into task values (1, true)');
    await app.tenancy.tenants.import(from(await archiveOf(app, 'acme')), { as: 'copy' });
    expect(await app.sql('copy', 'select id from task')).toEqual([{ id: 1 }]);
    await app.sql('acme', 'alter table task force row level security');
    for (const work of [
      () => archiveOf(app, 'acme'),
      () => app.tenancy.tenants.move('acme', { isolation: 'database' }),
      () => app.tenancy.tenants.erase('acme', (bytes) => buffer(bytes)),
    ]) {
      await expect(work()).rejects.toThrow('hide rows of its table "task"');
    }
    for (const id of ['acme', 'copy']) await app.tenancy.tenants.remove(id);
  });

  test('of shared tables is refused where a policy hides rows from it, and the tenant is not moved', async () => {
    await using database = await plainDatabase();
    const hiding = migration('Hiding', [
      'create table task (id int primary key, hidden boolean)',
      'create policy shown on task as restrictive for select using (not hidden)',
    ]);
    await using app = await start(database, [hiding]);
    await app.tenancy.tenants.create({ id: 'acme', isolation: 'row' });
    await app.sql('acme', 'insert into task values (1, false)');
    await archiveOf(app, 'acme');
    await app.sql('acme', 'insert into task values (2, true)');
    const hides = 'hides rows of its table "task"';
    await expect(archiveOf(app, 'acme')).rejects.toThrow(hides);
    await expect(app.tenancy.tenants.move('acme', { isolation: 'schema' })).rejects.toThrow(hides);
    expect(await app.tenancy.tenants.get('acme')).toMatchObject({ isolation: 'row' });
    const owner = `set role "${database.name}_rows_tenants_owner"`;
    const client = new pg.Client(database.url);
    await client.connect();
    await client.query(`${owner}; drop policy shown on rows.task`);
    await client.end();
    await app.tenancy.tenants.move('acme', { isolation: 'schema' });
    expect(await app.sql('acme', 'select id from task order by id')).toEqual([{ id: 1 }, { id: 2 }]);
    await app.tenancy.tenants.remove('acme');
  });

  test.each(['schema', 'row'])('has tables without columns, also for isolation %s', async (isolation) => {
    await using database = await plainDatabase();
    await using app = await start(database, [migration('Nothing', 'create table nothing ()')]);
    await app.tenancy.tenants.create({ id: 'acme' });
    for (let n = 0; n < 2; n += 1) await app.sql('acme', 'insert into nothing default values');
    await app.tenancy.tenants.import(from(await archiveOf(app, 'acme')), { as: 'copy', isolation });
    expect(await app.sql('copy', 'select count(*)::int as n from nothing')).toEqual([{ n: 2 }]);
    for (const id of ['acme', 'copy']) await app.tenancy.tenants.remove(id);
  });

  test('refuses a table in the schema that shared databases have for extensions', async () => {
    await using database = await plainDatabase();
    await using app = await start(database, [createTask]);
    await app.tenancy.tenants.create({ id: 'acme', isolation: 'database' });
    await app.sql('acme', 'create schema extensions; create table extensions.own (id int)');
    expect(await failureOf(archiveOf(app, 'acme'))).toMatchObject({
      message: expect.stringContaining('("extensions")'),
    });
    await app.tenancy.tenants.remove('acme');
  });

  test.each(isolations)(
    'lets sequences of isolation %s go on where they were, which no column owns or several take too',
    async (isolation) => {
      await using database = await plainDatabase();
      const numbers = migration('Numbers', [
        'create sequence number',
        'create sequence unused',
        'create sequence free',
        "create table task (id int primary key default nextval('number'))",
        "create table note (id int primary key default nextval('number'), label text default 'n' || nextval('free'))",
        'alter sequence number owned by task.id',
      ]);
      await using app = await start(database, [numbers]);
      await app.tenancy.tenants.create({ id: 'acme', isolation });
      await app.sql('acme', 'insert into task default values; insert into note default values');
      if (isolation !== 'row') await app.sql('acme', "select setval('unused', 1000, false)");
      const archive = await archiveOf(app, 'acme');
      for (const to of isolations) {
        const placement = to === 'row' ? { schema: 'others' } : {};
        await app.tenancy.tenants.import(from(archive), { as: `to-${to}`, isolation: to, placement });
        expect(await app.sql(`to-${to}`, 'insert into task default values returning id')).toEqual([{ id: 3 }]);
        expect(await app.sql(`to-${to}`, "select nextval('free')::int as n")).toEqual([{ n: 2 }]);
        expect(await app.sql(`to-${to}`, "select nextval('unused')::int as n")).toEqual([
          { n: isolation === 'row' ? 1 : 1000 },
        ]);
      }
      for await (const { id } of app.tenancy.tenants.all()) await app.tenancy.tenants.remove(id);
    },
  );

  test.each(['schema', 'row'])(
    'reads one moment while the tenant is written to, in isolation %s',
    async (isolation) => {
      await using database = await plainDatabase();
      const tables = migration('Two', [
        'create table a (id uuid primary key default gen_random_uuid(), body text)',
        'create table b (id uuid primary key default gen_random_uuid())',
      ]);
      await using app = await start(database, [tables]);
      await app.tenancy.tenants.create({ id: 'acme', isolation });
      await app.sql(
        'acme',
        `insert into a (body) select string_agg(md5(random()::text), '') from generate_series(1, 3000) n group by n % 20`,
      );
      const stream = await app.tenancy.tenants.export('acme');
      const reader = stream.getReader();
      const chunks = [(await reader.read()).value as Uint8Array];
      // It has begun, and has not come to `b`.
      await app.sql('acme', 'insert into b default values');
      for (let next = await reader.read(); !next.done; next = await reader.read()) chunks.push(next.value);
      const elsewhere = isolation === 'row' ? { placement: { schema: 'others' } } : {};
      await app.tenancy.tenants.import(from(Buffer.concat(chunks)), { as: 'copy', isolation, ...elsewhere });
      expect(await app.sql('copy', 'select count(*)::int as n from a')).toEqual([{ n: 20 }]);
      expect(await app.sql('copy', 'select count(*)::int as n from b')).toEqual([{ n: 0 }]);
      for (const id of ['acme', 'copy']) await app.tenancy.tenants.remove(id);
    },
  );

  test('that is given up returns its connection, and the tenant can be removed', async () => {
    await using database = await plainDatabase();
    await using app = await start(database, [createTask], { connections: { max: 3 } });
    await app.tenancy.tenants.create({ id: 'acme' });
    await app.sql('acme', 'insert into task (title) select md5(random()::text) from generate_series(1, 100000)');
    for (let n = 0; n < 5; n += 1) {
      const reader = (await app.tenancy.tenants.export('acme')).getReader();
      await reader.read();
      await reader.cancel();
    }
    await app.tenancy.tenants.remove('acme');
  });

  test('of many tenants at once gives each its own', async () => {
    await using database = await plainDatabase();
    await using app = await start(database, [createTask]);
    const ids = ['a1', 'b2', 'c3', 'd4'];
    for (const [n, id] of ids.entries()) {
      await app.tenancy.tenants.create({ id, isolation: n % 2 === 0 ? 'schema' : 'row' });
      await app.sql(id, `insert into task (title) select 'of ${id}' from generate_series(1, 50)`);
    }
    const archives = await Promise.all(ids.map((id) => archiveOf(app, id)));
    for (const [n, archive] of archives.entries()) {
      const tar = zstdDecompressSync(archive).toString('latin1');
      for (const id of ids) expect(tar.includes(`of ${id}`)).toBe(id === ids[n]);
    }
    for (const id of ids) await app.tenancy.tenants.remove(id);
  });
});
