import { defineConfig } from '@mikro-orm/postgresql';
import { plainDatabase, type TestDatabase } from '@omnitenant/tooling';
import { sql as kyselySql } from 'kysely';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Author } from '../src/testing/library.ts';
import { generateCredentialsKey } from '../src/vault/keys.ts';
import { type RunningLibrary, runLibrary } from './fixtures/running-library.ts';

const rows = { password: 'tenants', keys: generateCredentialsKey() };
const kinds = [
  { kind: 'schema', isolation: 'schema', options: {} },
  { kind: 'database', isolation: 'database', options: {} },
  { kind: 'schema with roles', isolation: 'schema', options: { roles: true } },
  { kind: 'row', isolation: 'row', options: {} },
  { kind: 'row with a login', isolation: 'row', options: { rows } },
];

/** Statements, as somebody hostile or hurried would write it. */
const statements = [
  'do $$ begin commit; perform * from author; end $$',
  'do $$ begin rollback; perform * from author; end $$',
  'call ends_transaction()',
  'commit and chain',
  'commit/**/and/**/chain',
  'COMMIT WORK AND CHAIN',
  'commit transaction and no chain',
  'end and chain',
  'rollback and chain',
  'abort and chain',
  'begin',
  'begin; begin',
  'start transaction isolation level serializable, read only',
  'commit',
  'commit; select * from author',
  'rollback; select * from author',
  'end; abort; end',
  'begin; savepoint one; select 1; rollback to one',
  'savepoint one; rollback to savepoint one',
  'release savepoint one',
  'rollback to one',
  'deallocate all',
  'deallocate pin',
  'prepare pin as select 1',
  'prepare "begin" as select 1',
  'prepare pin as select 1; deallocate all; prepare pin as select 2',
  'discard all',
  'discard plans',
  'set session characteristics as transaction read only',
  'set session characteristics as transaction isolation level serializable',
  'set search_path to public',
  'set session search_path to pg_catalog',
  'set local search_path to public',
  `select set_config('search_path', 'public', false)`,
  `select pg_catalog."set_config"('search_path', 'public', false)`,
  'reset search_path',
  'reset all',
  'set role none',
  'reset role',
  'set session authorization default',
  'set statement_timeout to 7654',
  'set standard_conforming_strings to off',
  'set client_encoding to latin1',
  `set time zone 'Asia/Tokyo'`,
  'lock table author',
  'lock table author in share mode; select 1',
  'copy author from stdin',
  'copy author to stdout',
  'copy (select * from author) to stdout; copy author from stdin',
  'declare held cursor with hold for select * from author',
  'declare held cursor for select * from author',
  'declare held cursor with hold for select * from author; fetch all from held',
  'close all',
  'listen of_a',
  'notify of_a',
  'unlisten *',
  'select pg_advisory_lock(4321)',
  'select pg_try_advisory_lock_shared(4321)',
  'select pg_advisory_xact_lock(4321)',
  'create temporary table scratch (id int)',
  'create temporary table author (id int, name text)',
  'create temp sequence scratch_seq',
  'select * into temporary scratch from author',
  'create function pg_temp.report() returns int language sql as $$ select 1 $$',
  'select leaves_all()',
  'select * from leaving_view',
  'select author.report from author',
  'select (author).report from author',
  'select author.* from author where author.report = 1',
  'select 1 ~~~> 2',
  `insert into leaving (name) values ('x')`,
  `update leaving set name = 'y'`,
  `prepare transaction 'walls'`,
  '',
  ';',
  ';;;',
  '-- nothing',
  '/* nothing */',
  '/* nothing */;/* more */',
  '/* never closed',
  "select 'never closed",
  'select $$never closed',
  'select $1',
  'select $1::int + $2',
  `select 1; select '`,
  'selec 1',
  'select 1/0',
  'select 1; select 1/0; select 2',
  'create index concurrently on author (name)',
  'vacuum',
  'create database walls_never',
  'show all',
  'explain analyze select leaves_all()',
  `execute pin`,
  'fetch all from held',
  'create function body() returns int begin atomic select 1; end; drop function body()',
];

const leavesAll = `
  perform set_config('statement_timeout', '7654', false);
  perform set_config('search_path', 'public', false);
  perform pg_advisory_lock(4321);
  create temporary table if not exists scratch (id int);
  execute 'listen of_a';
  if not exists (select from pg_cursors where name = 'held') then
    execute 'declare held cursor with hold for select 1';
  end if;`;

const library = [
  `create procedure ends_transaction() language plpgsql as $$ begin commit; perform * from author; end $$`,
  `create function leaves_all() returns int language plpgsql as $$ begin ${leavesAll} return 1; end $$`,
  `create function report(author) returns int language plpgsql as $$ begin ${leavesAll} return 1; end $$`,
  `create function leaves_by(int, int) returns int language plpgsql as $$ begin ${leavesAll} return 1; end $$`,
  `create view leaving_view as select leaves_all() as one`,
  `create operator ~~~> (leftarg = int, rightarg = int, function = leaves_by)`,
  `create table leaving (id int default leaves_all(), name text)`,
  `create function leaves_trigger() returns trigger language plpgsql as $$ begin ${leavesAll} return new; end $$`,
  `create trigger leaving before update on leaving for each row execute function leaves_trigger()`,
];

const held = 'on a connection that Kysely holds';
/** The ways to send a statement that are tried in every kind of isolation. */
const everywhere: ReadonlySet<string> = new Set(['alone', 'in a transaction that goes on', 'as a stream']);

/** All that a session can hold. */
const state = `select current_setting('statement_timeout') as timeout, current_setting('transaction_read_only') as read_only,
  current_setting('transaction_isolation') as isolation, current_setting('client_encoding') as encoding,
  current_setting('standard_conforming_strings') as strings, current_setting('search_path') as path,
  current_setting('TimeZone') as zone, current_user::text as login,
  (select count(*)::int from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()) as locks,
  (select count(*)::int from pg_listening_channels()) as channels,
  (select count(*)::int from pg_prepared_statements where name !~ '^omnitenant_\\d+$') as prepared,
  (select count(*)::int from pg_cursors where name not in ('', 'C_1')) as cursors,
  (select count(*)::int from pg_class where relnamespace = pg_my_temp_schema() and pg_my_temp_schema() <> 0) as temporary`;

describe.each(kinds)('on one connection, isolation $kind:', ({ kind, isolation, options }) => {
  let database: TestDatabase;
  let running: RunningLibrary;
  let admin: Client;
  let clean: unknown;

  beforeAll(async () => {
    database = await plainDatabase();
    admin = new Client({ connectionString: database.url });
    await admin.connect();
    running = await runLibrary(
      defineConfig({ clientUrl: database.url }),
      { a: { isolation }, b: { isolation } },
      {
        // Databases and logins share no connection, and with one in all, each statement would open one.
        connections: { max: isolation === 'database' || 'rows' in options ? 2 : 1 },
        names: { database: (id) => `${database.name}_${id}` },
        ...options,
      },
    );
    if (isolation === 'row') {
      await admin.query(
        `set role "${database.name}_rows_tenants_owner"; set search_path to rows; ${library.join('; ')}; reset all; reset role`,
      );
      await running.orm.sharedTables.takeOver();
    } else {
      for (const sql of library) await run('a', sql);
    }
    clean = await run('b', state);
  });
  afterAll(async () => {
    await running?.[Symbol.asyncDispose]();
    await admin?.end();
    await database?.drop();
  });

  const run = (tenant: string, sql: string): Promise<unknown> =>
    running.tenancy.run(tenant, () => running.orm.em.execute(sql));
  const names = (tenant: string) =>
    running.tenancy.run(tenant, async () => (await running.orm.em.fork().find(Author, {})).map(({ name }) => name));
  const raws = (tenant: string) => run(tenant, 'select name from author');

  async function assertClean(why: string): Promise<void> {
    expect(await names('b'), why).toEqual(['first of b']);
    expect(await raws('b'), why).toEqual([{ name: 'first of b' }]);
    expect(await run('b', state), why).toEqual(clean);
    expect(await names('a'), why).toEqual(['first of a']);
    const { rows } = await admin.query(
      `select state from pg_stat_activity where datname like $1 || '%' and pid <> pg_backend_pid() and backend_type = 'client backend' and state like 'idle in transaction%'`,
      [database.name],
    );
    expect(rows, why).toEqual([]);
  }

  const ways: [string, (sql: string) => Promise<unknown>][] = [
    ['alone', (sql) => run('a', sql)],
    [
      'first in a transaction',
      (sql) => running.tenancy.run('a', () => running.orm.em.transactional((em) => em.execute(sql))),
    ],
    [
      'in a transaction that goes on',
      (sql) =>
        running.tenancy.run('a', () =>
          running.orm.em.transactional(async (em) => {
            await em.execute('select 1');
            await em.execute(sql).catch(() => {});
            const rows = await em.execute<{ name: string }[]>('select name from author').catch(() => undefined);
            if (rows) expect(rows).toEqual([{ name: 'first of a' }]);
          }),
        ),
    ],
    [
      'in a failed transaction',
      (sql) =>
        running.tenancy.run('a', () =>
          running.orm.em.transactional(async (em) => {
            await em.execute('select 1/0').catch(() => {});
            await em.execute(sql).catch(() => {});
            const rows = await em.execute<{ name: string }[]>('select name from author').catch(() => undefined);
            if (rows) expect(rows).toEqual([{ name: 'first of a' }]);
          }),
        ),
    ],
    [
      'in a transaction that nobody ends',
      (sql) =>
        running.tenancy.run('a', async () => {
          const em = running.orm.em.fork();
          await em.begin();
          await em.execute(sql);
        }),
    ],
    ['by Kysely', (sql) => running.tenancy.run('a', () => kyselySql.raw(sql).execute(running.orm.em.getKysely()))],
    [
      held,
      (sql) =>
        running.tenancy.run('a', () =>
          running.orm.em
            .getKysely()
            .connection()
            .execute(async (kysely) => {
              await kyselySql
                .raw(sql)
                .execute(kysely)
                .catch(() => {});
              const { rows } = await kyselySql.raw('select name from author').execute(kysely);
              expect(rows).toEqual([{ name: 'first of a' }]);
              await kysely.transaction().execute(async (transaction) => {
                const inside = await kyselySql.raw('select name from author').execute(transaction);
                expect(inside.rows).toEqual([{ name: 'first of a' }]);
              });
            }),
        ),
    ],
    [
      'as a stream',
      (sql) =>
        running.tenancy.run('a', async () => {
          const kysely = running.orm.em.getKysely();
          const compiled = kyselySql.raw(sql).compile(kysely);
          for await (const row of kysely.getExecutor().stream(compiled, 1)) {
            void row;
            break;
          }
        }),
    ],
  ];

  test.each(kind === 'schema' ? ways : ways.filter(([way]) => everywhere.has(way)))(
    '%s, no statement gets out of its tenant or leaves anything',
    { timeout: 120_000 },
    async (way, send) => {
      for (const statement of statements) {
        const error = await send(statement).then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        // The server ends the connection that asks for a copy and sends none.
        if (way === held && !statement.startsWith('copy')) expect(error, statement).toBeUndefined();
        await assertClean(statement);
      }
    },
  );
});
