import { expect, test } from 'vitest';
import { qualifiedNames } from './qualified-names.ts';

const found = (sql: string) => qualifiedNames(sql).map(({ qualifier, name }) => `${qualifier}.${name}`);

test.each([
  ['create table task (id int references central.plan (id))', ['central.plan']],
  ['update "Central" . "plan" set a = 1', ['Central.plan']],
  ['select CENTRAL.plan.id from central.plan', ['central.plan', 'plan.id', 'central.plan']],
  ['do $$ begin delete from central.plan; end $$', ['central.plan']],
  ['create function f() returns int as $body$ select count(*) from t_bloom.task $body$ language sql', ['t_bloom.task']],
  ["insert into task (title) values ('central.plan') -- central.plan", []],
  ['select 1.5, a from b', []],
  ['select task.* from task', ['task.*']],
  ['alter table task add name text collate "pg_catalog"."default"', []],
  ["select 'a'::pg_catalog.text", []],
])('the qualified names in %j', (sql, names) => {
  expect(found(sql)).toEqual(names);
});

test('what stands where only a table can, and what is called, is told apart', () => {
  const told = (sql: string) => qualifiedNames(sql).map(({ isRelation, isCall }) => ({ isRelation, isCall }));
  expect(told('create index on task (lower(task.name))')).toEqual([{ isRelation: false, isCall: false }]);
  expect(told('drop table t_bloom.task')).toEqual([{ isRelation: true, isCall: false }]);
  expect(told('select pg_catalog.now()')).toEqual([{ isRelation: false, isCall: true }]);
});
