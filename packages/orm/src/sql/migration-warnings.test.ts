import { expect, test } from 'vitest';
import { migrationWarnings } from './migration-warnings.ts';

const timeout = `set local lock_timeout to '2s'`;

function kindsOf(sql: string, transactional = true): string[] {
  return migrationWarnings([timeout, sql], { transactional }).map(({ kind, message }) => `${kind}: ${message}`);
}

test.each([
  ['drop table task', /^loss: It drops a table/],
  ['drop table if exists "task" cascade', /^loss: It drops a table/],
  ['truncate task', /^loss: .*all rows/],
  ['delete from task', /^loss: .*all rows/],
  ['delete from task using (select 1 from note where true) n', /^loss: It deletes all rows/],
  [
    'with gone as (delete from task returning *) insert into note select title from gone where true',
    /^loss: It deletes all rows/,
  ],
  ['with n as (select 1 where true) delete from only "task"', /^loss: It deletes all rows/],
  ['update task set title = upper(title)', /^loss: It changes all rows/],
  [
    'with n as (update task set done = (select true where true) returning *) select * from n where done',
    /^loss: It changes all rows/,
  ],
  ['drop type kind cascade', /^loss: .*columns of that type/],
  ['drop extension if exists citext cascade', /^loss: .*columns of that type/],
  ['alter table "task" drop column "title"', /^loss: It drops a column/],
  ['alter table task drop title', /^loss: It drops a column/],
  ['alter table task add done boolean not null', /^failure: .*without a default/],
  ['alter table task add column "done" boolean not null', /^failure: .*without a default/],
  ['alter table task add column n bigserial', /^lock: .*rewrites/],
  ['alter table task add column code uuid not null default gen_random_uuid()', /^lock: .*rewrites/],
  ['alter table task alter column title type varchar(10) using (title::varchar(10))', /^lock: A change of type/],
  ['alter table task alter title set not null', /^lock: It reads the whole table/],
  ['alter table task add constraint c foreign key (owner) references person (id)', /^lock: .*not valid/],
  ['alter table task add constraint c check (n > 0)', /^lock: .*not valid/],
  ['alter table task add constraint c unique (n)', /^lock: .*using index/],
  ['alter table task rename column a to b', /^failure: .*old name/],
  ['create index task_title on task (title)', /^lock: .*concurrently/],
  ['create unique index on "task" ("title")', /^lock: .*concurrently/],
  ['create index concurrently task_title on task (title)', /^failure: .*transaction/],
])('%s is told of', (sql, expected) => {
  expect(kindsOf(sql)).toEqual([expect.stringMatching(expected)]);
});

test.each([
  ['alter table task add done boolean not null default false'],
  ['alter table task add column due date'],
  ['alter table task add constraint c check (n > 0) not valid, validate constraint d'],
  ['alter table task add constraint c unique using index i'],
  ['alter table task drop constraint c'],
  ['delete from task where done'],
  ['with gone as (delete from task where done returning *) insert into note select title from gone'],
  ['update only task t set title = n.title from note n where n.id = t.id'],
  [`insert into note values ('a') on conflict (body) do update set body = 'b'`],
  ['select * from task for update'],
  ['with n as (select * from task for no key update) update task set done = true where id in (select id from n)'],
  ['drop type kind'],
  [
    'create table task (id int, n int); update task set n = id; with m as (delete from task returning *) select * from m',
  ],
  [`insert into note values ('drop table task; alter table task drop title')`],
  ['create table task (id int primary key, owner int not null references person (id)); create index on task (owner)'],
  ['create table "Task" (id int); alter table "Task" add n int not null; drop table "Task"'],
  ['-- drop table task\nselect 1'],
  ['create index concurrently task_title on task (title)', false],
])('%s is nothing to tell of', (sql, transactional = true) => {
  expect(kindsOf(sql, transactional)).toEqual([]);
});

test('a table is new from where the migration creates it, and only if it was not there', () => {
  const kindsIn = (...sql: string[]) => migrationWarnings(sql, { transactional: true }).map(({ kind }) => kind);
  expect(kindsIn('drop table task', 'create table task (id int)')).toEqual(['loss', 'lock']);
  expect(kindsIn('create table if not exists task (id int)', 'alter table task drop title')).toEqual(['loss', 'lock']);
  expect(kindsIn('create table task (id int)', 'alter table task drop title')).toEqual([]);
});

test('each action of a statement is told of, and once that nothing limits the wait for a lock', () => {
  const sql = [
    'alter table task drop column a, add b int not null, add c numeric(4, 2) not null default 0',
    'drop table note',
  ];
  expect(migrationWarnings(sql, { transactional: true })).toEqual([
    { kind: 'loss', message: expect.any(String), statement: sql[0] },
    { kind: 'failure', message: expect.any(String), statement: sql[0] },
    { kind: 'loss', message: expect.any(String), statement: sql[1] },
    { kind: 'lock', message: expect.stringContaining('lock_timeout'), statement: undefined },
  ]);
});
