import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTenancy } from '@omnitenant/core';
import { type Kysely, sql } from 'kysely';
import { describe, expect, onTestFinished, test } from 'vitest';
import { drivers, openTasksOrm, type Task, temporaryFolder } from './fixtures/tasks.ts';

const refused = (code: string) => expect.objectContaining({ code });
const names = Object.keys(drivers) as (keyof typeof drivers)[];

interface Tables {
  readonly task: Pick<Task, 'title'>;
  readonly attachment: { readonly id: number; readonly name: string };
}

async function open(driver: keyof typeof drivers, busyTimeoutMs?: number) {
  const folder = temporaryFolder(onTestFinished);
  const orm = await openTasksOrm({ folder, busyTimeoutMs }, undefined, driver);
  const tenancy = createTenancy({ resources: [orm] });
  onTestFinished(() => tenancy.close());
  for (const id of ['acme', 'bloom']) await tenancy.tenants.create({ id });
  const kysely = () => orm.em.getKysely() as unknown as Kysely<Tables>;
  return { folder, orm, tenancy, kysely };
}

/** Statements that reach another file, or change what is the whole process's. */
const foreign = [
  (path: string) => `select readfile('${path}')`,
  (path: string) => `select "ReadFile"('${path}') where 1`,
  (path: string) => `select writefile('${path}', 'x')`,
  (path: string) => `select data from fsdir('${path}')`,
  (path: string) => `create temp view stolen as select readfile('${path}') as bytes`,
  (path: string) => `create temp view stolen as select data from fsdir('${path}')`,
  (path: string) => `create temp table stolen as select readfile('${path}') as bytes`,
  (path: string) =>
    `create temp trigger stolen after insert on task begin insert into project (name) values (readfile('${path}')); end`,
  (path: string) => `select sha3_query('at' || 'tach ''${path}'' as other')`,
  (path: string) => `create temp view stolen as select sha3_query('at' || 'tach ''${path}'' as other') as bytes`,
  () => `update sqlite_dbpage set data = data where schema = 'temp'`,
  () => `select * from "SQLite_dbpage"('temp')`,
  () => `create temp view stolen as select data from sqlite_dbpage`,
  (path: string) => `;attach '${path}' as other`,
  (path: string) => `select 1;attach '${path}' as other`,
  (path: string) => `\u{feff}attach '${path}' as other`,
  () => 'pragma writable_schema = on',
  () => `pragma main."writable_schema" = on`,
  () => '/* a */ -- b\n ; pragma trusted_schema = on',
  () => 'explain /* a */ pragma hard_heap_limit = 1',
  () => 'explain query plan pragma trusted_schema = on',
  () => 'explain -- a\nquery/**/plan\tpragma main . writable_schema = on',
  () => 'query plan pragma writable_schema = on -- attach',
  () => 'pragma soft_heap_limit(1)',
  () => `pragma temp_store_directory = '/tmp'`,
];

describe.each(names)('a statement on %s', (driver) => {
  test.each(foreign.map((of) => [of('/x'), of]))('that is not its tenant’s own is refused: %s', async (_, of) => {
    const { folder, orm, tenancy } = await open(driver);
    const path = join(folder, 'other');
    writeFileSync(path, 'secret');
    await tenancy.run('acme', async () => {
      await expect(orm.em.execute(of(path))).rejects.toThrow();
      await expect(orm.em.transactional((em) => em.execute(of(path)))).rejects.toThrow();
      await expect(orm.em.execute('select * from stolen')).rejects.toThrow('no such table');
      expect(await orm.em.execute('select name from pragma_database_list')).not.toContainEqual({ name: 'other' });
      expect(await orm.em.execute('pragma hard_heap_limit').catch(() => 'refused')).toBe('refused');
      expect(await orm.em.execute('select * from pragma_writable_schema, pragma_trusted_schema')).toEqual([
        { writable_schema: 0, trusted_schema: 0 },
      ]);
    });
  });

  test('is told from one that only has the words in it, also with parameters, and is committed', async () => {
    const { orm, tenancy, kysely } = await open(driver, 50);
    await tenancy.run('acme', async () => {
      await orm.em.execute('create table attachment (id integer primary key, name text)');
      await kysely().insertInto('attachment').values({ id: 1, name: `readfile('x')` }).execute();
      await orm.em.execute('insert into attachment values (?, ?)', [2, 'pragma writable_schema; select 1']);
      // Another handle sees it, and may write.
      await orm.em.transactional((em) => em.execute(`update attachment set name = 'fsdir' where id = ?`, [2]));
      const found = kysely().selectFrom('attachment').select('name').where('id', '>', 0);
      expect(await found.execute()).toEqual([{ name: `readfile('x')` }, { name: 'fsdir' }]);
      const streamed: string[] = [];
      for await (const { name } of found.stream()) streamed.push(name);
      expect(streamed).toEqual([`readfile('x')`, 'fsdir']);
      expect(await orm.em.execute(`${'/* a */'.repeat(50)} select 'pragma' as one`)).toEqual([{ one: 'pragma' }]);
      await expect(sql`attach ${'/tmp/x'} as other`.execute(kysely())).rejects.toEqual(refused('STATEMENT_REFUSED'));
    });
  });

  test('is alone in its text, or nothing of it runs', async () => {
    const { orm, tenancy } = await open(driver);
    await tenancy.run('acme', async () => {
      const add = (title: string) => `insert into task (title) values ('${title}')`;
      for (const between of [';', '; -- b\n', ' /* ; */ ;; ']) {
        await expect(orm.em.execute(add('a') + between + add('b'))).rejects.toThrow('more than one statement');
        await expect(orm.em.transactional((em) => em.execute(add('a') + between + add('b')))).rejects.toThrow(
          'more than one statement',
        );
      }
      await orm.em.execute(`create trigger twice after insert on project begin ${add('a;')}; ${add('b')}; end; -- ;`);
      await orm.em.execute(`insert into project (name) values ('it''s; "this"') ; /* the end; */`);
      expect(await orm.em.execute('select title from task order by title')).toEqual([{ title: 'a;' }, { title: 'b' }]);
    });
  });

  test('goes to its own tenant, also where its transaction or stream is carried into the scope of another', async () => {
    const { orm, tenancy, kysely } = await open(driver);
    await tenancy.run('acme', async () => {
      await orm.em.execute(`insert into task (title) values ('a'), ('b')`);
      await kysely()
        .transaction()
        .execute(async (carried) => {
          await tenancy.run('bloom', async () => {
            const reading = carried.selectFrom('task').select('title').execute();
            await expect(reading).rejects.toEqual(refused('CROSS_TENANT'));
            const writing = carried.insertInto('task').values({ title: 'c' }).execute();
            await expect(writing).rejects.toEqual(refused('CROSS_TENANT'));
          });
        });
      await orm.em.transactional(async (em) => {
        const carried = em.getTransactionContext();
        await tenancy.run('bloom', () =>
          expect(orm.em.getConnection().execute('select * from task', [], 'all', carried)).rejects.toEqual(
            refused('CROSS_TENANT'),
          ),
        );
      });
      const rows = kysely().selectFrom('task').select('title').stream()[Symbol.asyncIterator]();
      await rows.next();
      await tenancy.run('bloom', () => expect(rows.next()).rejects.toEqual(refused('CROSS_TENANT')));
    });
  });

  test('that streams may be left in the middle, and the next writer has the file', async () => {
    const { orm, tenancy, kysely } = await open(driver, 50);
    await tenancy.run('acme', async () => {
      await orm.em.execute(
        'insert into task (title) with recursive n (i) as (select 1 union all select i + 1 from n limit 500) select i from n',
      );
      for await (const { title } of kysely().selectFrom('task').select('title').stream()) {
        expect(title).toBeDefined();
        break;
      }
      await orm.em.execute(`insert into task (title) values ('beside')`);
      await orm.em.transactional((em) => em.execute(`insert into task (title) values ('later')`));
      expect(await orm.em.execute('select count(*) as n from task')).toEqual([{ n: 502 }]);
    });
  });
});

test('libsql has vector indexes with plain names, and runs no other', async () => {
  const { orm, tenancy } = await open('libsql');
  await tenancy.run('acme', async () => {
    await orm.em.execute('create table place (id integer primary key, at f32_blob(2))');
    const create = (name: string) => orm.em.execute(`create index "${name}" on place (libsql_vector_idx(at)) ; `);
    await expect(create('a (b); create table stolen (a); --')).rejects.toEqual(refused('STATEMENT_REFUSED'));
    await expect(orm.em.execute('select * from stolen')).rejects.toThrow('no such table');
    await create('nearest');
    await orm.em.execute(`insert into place values (1, vector('[1, 2]'))`);
    expect(await orm.em.execute(`select id from vector_top_k('nearest', vector('[1, 2]'), 1)`)).toEqual([{ id: 1 }]);
  });
});

test('libsql has no file that a statement has written', async () => {
  const { folder, orm, tenancy } = await open('libsql');
  const path = join(folder, 'written');
  await tenancy.run('acme', () =>
    expect(orm.em.execute(`select writefile('${path}', 'x')`)).rejects.toEqual(refused('STATEMENT_REFUSED')),
  );
  expect(existsSync(path)).toBe(false);
});
