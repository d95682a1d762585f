import { setImmediate as turn } from 'node:timers/promises';
import { raw } from '@mikro-orm/core';
import { defineConfig as definePglite } from '@mikro-orm/pglite';
import { defineConfig } from '@mikro-orm/postgresql';
import { plainDatabase, type TestDatabase } from '@omnitenant/tooling';
import { sql as kyselySql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Author } from '../src/testing/library.ts';
import { type RunningLibrary, runLibrary } from './fixtures/running-library.ts';

// One connection for everybody, so that whoever comes next gets what the last has left.
describe.each(['PostgreSQL', 'PGlite'])('what a tenant leaves in its session, on one connection of %s', (server) => {
  let database: TestDatabase | undefined;
  let library: RunningLibrary;

  beforeAll(async () => {
    database = server === 'PGlite' ? undefined : await plainDatabase();
    library = await runLibrary(
      database
        ? defineConfig({ clientUrl: database.url, driverOptions: { max: 1 } })
        : definePglite({ dbName: 'memory://' }),
      { a: { isolation: 'schema' }, b: { isolation: 'schema' } },
    );
  });
  afterAll(async () => {
    await library[Symbol.asyncDispose]();
    await database?.drop();
  });

  /** The rows of the message's last statement. */
  const run = (tenant: string, sql: string): Promise<Record<string, unknown>[]> =>
    library.tenancy.run(tenant, () => library.orm.em.execute<Record<string, unknown>[]>(sql));
  const inTransaction = (tenant: string, ...statements: string[]) =>
    library.tenancy.run(tenant, () =>
      library.orm.em.transactional(async (em) => {
        for (const sql of statements) await em.execute(sql);
      }),
    );
  const authors = (tenant: string) =>
    library.tenancy.run(tenant, async () => (await library.orm.em.fork().find(Author, {})).map(({ name }) => name));

  test.each([
    ['a statement', (sql: string) => run('a', sql)],
    ['a transaction', (sql: string) => inTransaction('a', sql)],
  ])('temporary tables and views of %s shadow nothing, and are gone', async (_, leave) => {
    await leave(`create temporary table author as select 1 as id, 'temporary of a'::text as name`);
    expect(await authors('b')).toEqual(['first of b']);
    expect(await authors('a')).toEqual(['first of a']);
    await leave('create temporary table scratch as select 1 as id');
    await expect(run('b', 'select * from scratch')).rejects.toThrow(/scratch/);
    await leave('create temporary view scratch as select * from author');
    await expect(run('b', 'select * from scratch')).rejects.toThrow(/scratch/);
  });

  test('a temporary table is there for its transaction, and shadows no table of the tenant in it', async () => {
    await library.tenancy.run('a', () =>
      library.orm.em.transactional(async (em) => {
        await em.execute('create temporary table scratch as select 7 as value');
        await em.execute(`create temporary table author as select 1 as id, 'temporary of a'::text as name`);
        expect(await em.execute('select value from scratch')).toEqual([{ value: 7 }]);
        expect(await em.execute('select name from author')).toEqual([{ name: 'first of a' }]);
      }),
    );
  });

  test.each(['selec 1', 'select 1/0', 'select * from nowhere'])(
    'a transaction whose first statement fails does nothing more: %s',
    async (sql) => {
      await library.tenancy.run('a', () =>
        library.orm.em.transactional(async (em) => {
          await expect(em.execute(sql)).rejects.toThrow();
          await expect(em.insert(Author, { name: 'second of a' })).rejects.toThrow(/aborted/);
        }),
      );
      expect(await authors('b')).toEqual(['first of b']);
      expect(await authors('a')).toEqual(['first of a']);
    },
  );

  test.each([
    "prepare transaction 'kept'",
    "/* */ PREPARE /**/ transaction 'kept'",
    "select 1; prepare transaction 'kept'",
  ])('no transaction is kept by the server, with its locks, after: %s', async (sql) => {
    const refusal = { code: 'STATEMENT_REFUSED' };
    await expect(run('a', sql)).rejects.toMatchObject(refusal);
    await expect(inTransaction('a', sql)).rejects.toMatchObject(refusal);
    await expect(inTransaction('a', 'select 1', sql)).rejects.toMatchObject(refusal);
    const streamed = library.tenancy.run('a', async () => {
      const kysely = library.orm.em.getKysely();
      for await (const row of kysely.getExecutor().stream(kyselySql.raw(sql).compile(kysely), 1)) void row;
    });
    await expect(streamed).rejects.toThrow();
    expect(await authors('a')).toEqual(['first of a']);
  });

  test('a cursor that outlives its transaction reads nothing to the next', async () => {
    await inTransaction('a', 'declare open_cursor cursor with hold for select name from author');
    await expect(run('b', 'fetch all from open_cursor')).rejects.toThrow(/open_cursor/);
  });

  test('a piece of SQL that is handed over as a parameter is looked at as SQL', async () => {
    const take = (key: object) =>
      library.tenancy.run('a', () => library.orm.em.execute('select ? as taken, ? as told', [key, 1]));
    await take(raw('pg_try_advisory_lock(42)'));
    const [held] = await run(
      'b',
      `select count(*)::int as locks from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`,
    );
    expect(held).toEqual({ locks: 0 });
  });

  test.each([
    [`select set_config/**/('statement_timeout', '54321', false)`],
    [`select "set_config"('statement_timeout', '54321', false)`],
    [String.raw`select U&"set\005fconfig"('statement_timeout', '54321', false)`],
    [`select 1; --\rset statement_timeout to 54321`],
  ])('a setting is ended, however it is written: %j', async (sql) => {
    await run('a', sql);
    expect(await run('b', `select current_setting('statement_timeout') as timeout`)).toEqual([{ timeout: '0' }]);
  });

  test.skipIf(server === 'PGlite')('settings and locks of a stream are gone', async () => {
    const stream = (sql: string) =>
      library.tenancy.run('a', async () => {
        const builder = library.orm.em.createQueryBuilder(Author).select(raw(`${sql} as left_behind`));
        for await (const row of builder.stream({ mapResults: false } as never)) void row;
      });
    await stream(`set_config('statement_timeout', '54321', false)`);
    await stream('pg_advisory_lock(42)');
    expect(
      await run(
        'b',
        `select current_setting('statement_timeout') as timeout, (select count(*)::int from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()) as locks`,
      ),
    ).toEqual([{ timeout: '0', locks: 0 }]);
  });

  test.skipIf(server === 'PGlite')('a stream whose scope ends as it begins gives its connection back', async () => {
    for (let turns = 0; turns < 6; turns += 1) {
      const { left } = await library.tenancy.run('a', async () => {
        const rows = library.orm.em.getKysely<{ author: Author }>().selectFrom('author').select('name').stream(1);
        const next = rows.next().catch(() => {});
        for (let n = 0; n < turns; n += 1) await turn();
        return { left: next };
      });
      await left;
      expect(await authors('b')).toEqual(['first of b']);
    }
  });

  test('the last value of a sequence is known to nobody else', async () => {
    await run('a', `insert into author (name) values ('second of a'); delete from author where name like 'second%'`);
    await expect(run('b', 'select lastval()')).rejects.toThrow(/lastval/);
  });

  test.each([
    ['a statement', (sql: string) => run('a', sql)],
    ['a transaction', (sql: string) => inTransaction('a', sql)],
    ['a transaction that fails', (sql: string) => inTransaction('a', sql, 'select 1/0').catch(() => {})],
    ['a raw transaction', (sql: string) => run('a', `begin; ${sql}; commit`)],
    ['a statement under a comment', (sql: string) => run('a', `/* by a */ ${sql}`)],
    ['a block', (sql: string) => run('a', `do $$ begin execute '${sql.replaceAll("'", "''")}'; end $$`)],
  ])('settings, prepared statements, locks and listeners of %s are gone', async (_, leave) => {
    await leave('set statement_timeout to 7654');
    await leave(`set default_transaction_read_only to on`);
    await leave(`select set_config('app.user', 'of a', false)`);
    await leave('select pg_advisory_lock(7654)');
    await leave('listen of_a');
    await leave('prepare of_a as select 1').catch(() => {});
    const [left] = await run(
      'b',
      `select current_setting('statement_timeout') as timeout, current_setting('transaction_read_only') as read_only,
         nullif(current_setting('app.user', true), '') as user,
         (select count(*)::int from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()) as locks,
         (select count(*)::int from pg_listening_channels()) as listeners,
         (select count(*)::int from pg_prepared_statements where name = 'of_a') as prepared`,
    );
    expect(left).toEqual({ timeout: '0', read_only: 'off', user: null, locks: 0, listeners: 0, prepared: 0 });
  });

  test('settings and locks hold for the transaction that asked for them', async () => {
    await library.tenancy.run('a', () =>
      library.orm.em.transactional(async (em) => {
        await em.execute(`set statement_timeout to 7654; select pg_advisory_lock(1)`);
        expect(await em.execute('show statement_timeout')).toEqual([{ statement_timeout: '7654ms' }]);
      }),
    );
  });

  test.each(['begin', 'select 1; begin', '/* a */ start transaction', 'begin; commit and chain'])(
    'a transaction that is left open by "%s" is undone',
    async (open) => {
      await run('a', `${open}; insert into tag (name) values ('lost')`);
      expect(await run('b', 'select name from tag')).toEqual([]);
      expect(await run('a', `select name from tag where name = 'lost'`)).toEqual([]);
    },
  );

  test('a message that goes back to a savepoint keeps what came before it', async () => {
    const insert = `insert into tag (name) values`;
    await run('a', `${insert} ('kept'); savepoint s; ${insert} ('undone'); rollback to savepoint s; select 1`);
    expect(await run('a', `select name from tag where name in ('kept', 'undone')`)).toEqual([{ name: 'kept' }]);
    await run('a', `delete from tag where name = 'kept'`);
  });

  test('a transaction that is chained or ended in mid-message goes on in its tenant', async () => {
    await library.tenancy.run('a', () =>
      library.orm.em.transactional(async (em) => {
        for (const chain of [
          'commit and chain',
          'rollback and chain',
          'commit work and chain; select 1',
          'commit; begin',
        ]) {
          await em.execute(chain);
          expect(await em.execute('select name from author'), chain).toEqual([{ name: 'first of a' }]);
        }
      }),
    );
    const insert = `insert into tag (name) values ('of a')`;
    await run('a', `begin; select 1; commit; ${insert}`);
    await run('a', `select 'x; commit' as "; end"; rollback; /* /* ; */ ' */ ${insert}; -- '`);
    await run('a', `start transaction; end; ${insert}; select $body$; commit; $body$`);
    expect(await run('a', 'select name from tag')).toEqual(Array(3).fill({ name: 'of a' }));
    expect(await run('b', 'select name from tag')).toEqual([]);
    expect(await authors('b')).toEqual(['first of b']);
  });
});
