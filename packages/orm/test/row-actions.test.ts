import { describe, expect, test } from 'vitest';
import { generateCredentialsKey } from '../src/vault/keys.ts';
import { migration, type RowProcess, rowApplication } from './fixtures/row-application.ts';

/** What PostgreSQL calls as the owner of the tables, when the row that a foreign key refers to is deleted or renamed. */
const called = {
  'a trigger before': [
    'create table task (id serial primary key, project int references project (id) on delete cascade, title text not null)',
    'create trigger look before delete on task for each row execute function look()',
  ],
  'a trigger after': [
    'create table task (id serial primary key, project int references project (id) on delete cascade, title text not null)',
    'create trigger look after delete on task for each row execute function look()',
  ],
  'a trigger for the statement': [
    'create table task (id serial primary key, project int references project (id) on delete cascade, title text not null)',
    'create trigger look after delete on task for each statement execute function look()',
  ],
  'a condition of a trigger': [
    'create table task (id serial primary key, project int references project (id) on delete set null, title text not null)',
    'create trigger look before update on task for each row when (noted(new.title)) execute function keep()',
  ],
  'a check': [
    'create table task (id serial primary key, project int references project (id) on delete set null, title text not null, check (noted(title)))',
  ],
  'a check of a domain': [
    'create domain noted_title as text check (noted(value))',
    'create table task (id serial primary key, project int, title noted_title not null references project (name) on update cascade on delete cascade)',
  ],
  'a default': [
    'create table task (id serial primary key, project int default nobody() references project (id) on delete set default, title text not null)',
  ],
  'an index': [
    'create table task (id serial primary key, project int references project (id) on delete set null, title text not null)',
    'create index on task (folded(title, project))',
  ],
  'a trigger of a partition': [
    'create table task (id int not null, project int references project (id) on delete cascade, title text not null) partition by list (id)',
    'create table task_1 partition of task default',
    'create trigger look before delete on task_1 for each row execute function look()',
  ],
};

const base = [
  'create table project (id serial primary key, name text not null unique)',
  'create table seen (by text not null, titles text not null)',
  `create function note() returns boolean language plpgsql as $$ begin
     insert into seen select current_user, coalesce(string_agg(title, ','), '') from task where current_setting('omnitenant.tenant', true) <> ''; return true; end $$`,
  'create function noted(text) returns boolean language plpgsql as $$ begin return note(); end $$',
  `create function nobody() returns int language plpgsql as $$ begin perform note(); return null; end $$`,
  'create function folded(text, int) returns text language plpgsql immutable as $$ begin perform note(); return $1; end $$',
  'create function look() returns trigger language plpgsql as $$ begin perform note(); return coalesce(old, new); end $$',
  'create function keep() returns trigger language plpgsql as $$ begin return new; end $$',
];

async function fill({ tenancy, sql }: RowProcess): Promise<void> {
  for (const id of ['acme', 'bloom']) {
    await tenancy.tenants.create({ id });
    await sql(id, `insert into project (name) values ('of ${id}')`);
    await sql(id, `insert into task (id, project, title) select id, id, 'of ${id}' from project`);
    await sql(id, 'delete from seen');
  }
}

describe.each([
  { how: 'as they are', options: {} },
  { how: 'with a login', options: { rows: { password: 'tenants', keys: generateCredentialsKey() } } },
])('what a foreign key’s action calls in tenants that share tables, $how', ({ options }) => {
  test.each(Object.entries(called))('%s sees their own rows alone', async (_, statements) => {
    await using app = await rowApplication();
    await using process = await app.start([migration('Tables', [...base, ...statements])], { options });
    await fill(process);
    await process.sql('acme', `update project set name = name || '!'`);
    await process.sql('acme', 'delete from project');
    const seen = await process.sql('acme', 'select * from seen');
    expect(JSON.stringify(seen)).toContain('_rows_tenants_changes');
    expect(JSON.stringify(seen)).not.toContain('of bloom');
    expect(await process.sql('bloom', 'select title from task')).toEqual([{ title: 'of bloom' }]);
    await process.tenancy.tenants.remove('acme');
    expect(await process.sql('bloom', 'select title from task')).toEqual([{ title: 'of bloom' }]);
    expect(await process.orm.sharedTables.examine()).toMatchObject([
      { open: [], sql: expect.not.arrayContaining(['look']) },
    ]);
  });

  test('a table that hostile SQL puts in the way of a trigger runs nothing as the owner', async () => {
    await using app = await rowApplication();
    const tables = migration('Tables', [
      ...base,
      'create table task (id serial primary key, project int references project (id) on delete cascade, title text not null)',
      'create table log (line text)',
      `create function logged() returns trigger language plpgsql as $$ begin insert into log values ('gone'); return old; end $$`,
      'create trigger logged before delete on task for each row execute function logged()',
    ]);
    await using process = await app.start([tables], { options });
    await fill(process);
    const answer = await process
      .sql(
        'acme',
        `do $$ begin
           create temporary table log (line text);
           create function pg_temp.read_all() returns trigger language plpgsql as
             $f$ begin raise exception 'reached % as %', (select string_agg(title, ',') from rows.task), current_user; end $f$;
           create trigger read_all before insert on pg_temp.log for each row execute function pg_temp.read_all();
           grant all on pg_temp.log to public;
           perform set_config('search_path', 'pg_temp, rows', true);
           delete from rows.project;
         end $$`,
      )
      .catch((error: Error) => error.message);
    expect(JSON.stringify(answer)).not.toMatch(/of bloom|_owner/);
  });
});

test('a function that an action calls is replaced and dropped by later migrations as others are', async () => {
  await using app = await rowApplication();
  const tables = migration('Tables', [...base, ...called['a trigger before']]);
  const replaced = migration('Replaced', [
    `create or replace function look() returns trigger language plpgsql as $$ begin insert into seen select 'again', string_agg(title, ',') from task; return old; end $$`,
  ]);
  await using before = await app.start([tables]);
  await fill(before);
  await using process = await app.start([tables, replaced]);
  expect((await process.orm.migrations.up()).failed).toEqual([]);
  await process.sql('acme', 'delete from project');
  expect(await process.sql('acme', 'select * from seen')).toEqual([
    { by: 'again', titles: 'of acme', tenant_id: 'acme' },
  ]);
  await using last = await app.start([tables, replaced, migration('Dropped', 'drop function look() cascade')]);
  expect((await last.orm.migrations.up()).failed).toEqual([]);
  await last.sql('bloom', 'delete from project');
});

test('a trigger that somebody has added is refused, and the report’s SQL and a take-over bind it', async () => {
  await using app = await rowApplication();
  const tables = migration('Tables', [...base, called['a trigger before'][0] as string]);
  await using before = await app.start([tables]);
  await fill(before);
  await app.admin(called['a trigger before'][1] as string, 'owner');
  await using process = await app.start([tables]);
  await expect(process.sql('acme', 'select 1')).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringMatching(/look\(\): a foreign key's action calls it as the owner/),
  });
  await process.orm.sharedTables.takeOver();
  await process.sql('acme', 'delete from project');
  expect(JSON.stringify(await process.sql('acme', 'select titles from seen'))).not.toContain('of bloom');

  await app.admin(
    `create schema elsewhere; create function elsewhere.look() returns trigger language plpgsql as $$ begin return old; end $$;
     create trigger further before delete on rows.task for each row execute function elsewhere.look()`,
    'superuser',
  );
  const [found] = await before.orm.sharedTables.examine();
  expect(found?.open).toEqual([expect.stringMatching(/elsewhere\.look\(\): a foreign key's action calls it/)]);
  for (const sql of found?.sql ?? []) await app.admin(sql, 'superuser');
  expect(await before.orm.sharedTables.examine()).toMatchObject([{ open: [], closed: [], sql: [] }]);
  await app.admin('drop schema elsewhere cascade', 'superuser');
});
