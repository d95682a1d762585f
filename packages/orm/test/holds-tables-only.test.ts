import { plainDatabase } from '@omnitenant/tooling';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { holdsTablesOnly } from '../src/session/holds-tables-only.ts';

async function site() {
  const database = await plainDatabase();
  onTestFinished(database.drop);
  const client = new pg.Client(database.url);
  await client.connect();
  onTestFinished(() => client.end());
  const run = (sql: string) => client.query(sql);
  await run('create schema own; create table own.note (id serial primary key, text text); create schema other');
  return { run, held: async (schema = 'own') => (await run(holdsTablesOnly(schema))).rows[0] };
}

const runsWhenRead = [
  ['a function', 'create function own.look() returns int language sql return 1', 'drop function own.look()'],
  ['a policy', 'create policy hiding on own.note using (true)', 'drop policy hiding on own.note'],
  [
    'an operator',
    'create operator own.~~~ (function = int4pl, leftarg = int, rightarg = int)',
    'drop operator own.~~~ (int, int)',
  ],
  ['a view', 'create view own.seen as select 1 as one', 'drop view own.seen'],
  ['a materialized view', 'create materialized view own.kept as select 1 as one', 'drop materialized view own.kept'],
  ['a rule', 'create rule noted as on insert to own.note do also nothing', 'drop rule noted on own.note'],
] as const;

test('a schema holds tables only, unless it has something that may run when they are read', async () => {
  const { run, held } = await site();
  expect(await held()).toMatchObject({ plain: true });
  for (const [what, create, drop] of runsWhenRead) {
    await run(create);
    expect(await held(), what).toMatchObject({ plain: false });
    await run(drop);
    expect(await held(), what).toMatchObject({ plain: true });
  }
  // What runs when rows are written, and what another schema has.
  await run("create function own.keep() returns trigger language plpgsql as 'begin return new; end'");
  await run('create function other.look() returns int language sql return 1');
  await run("create policy omnitenant_tenant on own.note using (id > 0); create type own.kind as enum ('one')");
  expect(await held()).toMatchObject({ plain: true });
  await run('alter function other.look() set schema own');
  expect(await held()).toMatchObject({ plain: false });
  expect(await held('nobody')).toBeUndefined();
});

test('the columns of the tables tell their types', async () => {
  const { run, held } = await site();
  const before = await held();
  await run('create table other.note (id int); create sequence own.numbers; create index on own.note (text)');
  expect(await held()).toEqual(before);
  await run('alter table own.note alter column text type varchar(9)');
  expect((await held())?.columns).not.toBe(before?.columns);
});

test.each([
  ['that was analysed', 'vacuum analyze'],
  ['of which PostgreSQL knows nothing yet', 'vacuum'],
])('it is read from as much of a catalogue %s, however many other schemas there are', async (_, vacuum) => {
  const { run } = await site();
  await run('set enable_seqscan to off');
  async function readWithOthers(first: number, last: number): Promise<number> {
    const table = 'id serial primary key, name text unique, at timestamptz';
    await run(`do $$ begin for n in ${first}..${last} loop execute format('create schema t%s', n);
      execute format('create table t%s.one (${table})', n); execute format('create table t%s.two (${table})', n);
      execute format('create function t%s.look() returns int language sql return 1', n); end loop; end $$`);
    await run(vacuum);
    const { rows } = await run(`explain (analyze, buffers, format json) ${holdsTablesOnly('own')}`);
    const { 'Shared Hit Blocks': hit, 'Shared Read Blocks': read } = rows[0]['QUERY PLAN'][0].Plan;
    return hit + read;
  }
  const few = await readWithOthers(1, 2);
  // An index may be one level higher by then.
  expect(await readWithOthers(3, 120)).toBeLessThan(1.2 * few);
});
