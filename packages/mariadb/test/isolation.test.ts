import { Readable } from 'node:stream';
import type { Mariadb } from '@omnitenant/mariadb';
import { noMariadb } from '@omnitenant/tooling';
import { sql } from 'kysely';
import { createConnection } from 'mysql2/promise';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openTasksOrm, Project, secret, Task, tasksOnMariadb } from './fixtures/tasks.ts';

const missing = await noMariadb();
const refused = (code: string) => expect.objectContaining({ code });

/** Statements of one tenant that would show, change or find another's. Each is refused by the server. */
const hostile: readonly ((other: string) => string)[] = [
  (other) => `select * from ${other}.task`,
  (other) => `SELECT/**/title FROM/*!50000 ${other} */.task`,
  (other) => `select * from project union select id, title from ${other}.task`,
  (other) => `use ${other}`,
  (other) => `insert into ${other}.task (title) values ('planted')`,
  (other) => `insert into task (title) select title from ${other}.task`,
  (other) => `update ${other}.task set title = 'planted'`,
  (other) => `delete from ${other}.task`,
  (other) => `replace into ${other}.task (title) values ('planted')`,
  (other) => `truncate ${other}.task`,
  (other) => `drop table ${other}.task`,
  (other) => `drop database ${other}`,
  (other) => `alter table ${other}.task add planted int`,
  (other) => `rename table ${other}.task to task_of_other`,
  (other) => `rename table task to ${other}.task_of_other`,
  (other) => `create table stolen as select * from ${other}.task`,
  (other) => `create table stolen like ${other}.task`,
  (other) => `create table stolen (id int) engine = merge union = (${other}.task)`,
  (other) => `create table stolen (id int, foreign key (id) references ${other}.task (id)) engine = InnoDB`,
  (other) => `create view stolen as select * from ${other}.task`,
  (other) => `create table ${other}.planted (id int)`,
  (other) => `create or replace procedure ${other}.planted() select 1`,
  (other) => `call ${other}.anything()`,
  (other) => `create definer = root@localhost procedure stolen() select * from ${other}.task`,
  (other) => `create definer = root@localhost view stolen as select * from ${other}.task`,
  (other) =>
    `create definer = root@localhost trigger stolen after insert on task for each row delete from ${other}.task`,
  (other) => `create event stolen on schedule every 1 second do delete from ${other}.task`,
  (other) => `create table stolen (id int) data directory = '/var/lib/mysql/${other.replaceAll('`', '')}'`,
  (other) => `alter table task exchange partition p with table ${other}.task`,
  (other) => `select next value for ${other}.anything`,
  (other) => `set statement max_statement_time = 1 for select * from ${other}.task`,
  () => `create function stolen returns string soname 'udf.so'`,
  () => `install soname 'ha_connect'`,
  (other) => `handler ${other}.task open`,
  (other) => `lock tables ${other}.task read`,
  (other) => `show create table ${other}.task`,
  (other) => `show tables from ${other}`,
  (other) => `describe ${other}.task`,
  (other) => `check table ${other}.task`,
  (other) => `load data infile '/etc/hostname' into table ${other}.task (title)`,
  () => `load data infile '/etc/hostname' into table task (title)`,
  () => `load data local infile '/etc/hostname' into table task (title)`,
  (other) => `select title into outfile '/tmp/omnitenant-stolen' from ${other}.task`,
  () => `select load_file('/etc/hostname') as stolen having stolen is not null union select * from missing`,
  (other) => `execute immediate 'select * from ${other}.task'`,
  (other) => `execute immediate concat('select * from ', '${other}', '.task')`,
  (other) => `begin not atomic declare c cursor for select title from ${other}.task; open c; end`,
  (other) => `prepare stolen from 'select * from ${other}.task'`,
  (other) => `select 1; select * from ${other}.task`,
  () => 'select * from mysql.user',
  () => 'select * from mysql.db',
  () => 'set global general_log = 1',
  () => `set password for root@localhost = password('x')`,
  () => `create user planted`,
  () => `set role all_of_them`,
  () => 'flush tables',
  () => 'shutdown',
  (other) => `grant select on ${other}.* to current_user()`,
];

describe.skipIf(missing)(`a tenant's scope ${missing ?? ''}`, async () => {
  if (missing) return;
  const mariadb = await tasksOnMariadb();
  const open = (options = {}) => mariadb.open(onTestFinished, options);

  async function databaseOf(orm: Mariadb): Promise<string> {
    const [row] = await orm.em.execute<{ name: string }[]>('select database() as name');
    return row?.name ?? '';
  }

  test('reaches no other database, by no statement, in no way to send one', async () => {
    const { orm, tenancy } = await open();
    const other = await tenancy.run('bloom', async () => {
      await orm.em.insert(Task, { title: 'of bloom' });
      return databaseOf(orm);
    });
    const done: string[] = [];
    await tenancy.run('acme', async () => {
      for (const of of hostile) {
        for (const name of [`\`${other}\``]) {
          const statement = of(name);
          const ways = [
            () => orm.em.execute(statement),
            () => orm.em.transactional((em) => em.execute(statement)),
            () => sql.raw(statement).execute(orm.em.getKysely()),
          ];
          for (const way of ways) {
            const result = await way().then(
              (rows) => `${statement} gave ${JSON.stringify(rows)}`,
              () => undefined,
            );
            if (result !== undefined) done.push(result);
          }
        }
      }
      expect(done).toEqual([]);
      const seen = await orm.em.execute<{ name: string }[]>(
        'select schema_name as name from information_schema.schemata',
      );
      expect(seen.map(({ name }) => name).sort()).toEqual([await databaseOf(orm), 'information_schema'].sort());
      // What the server tells of itself has no row of another tenant, wherever it is.
      const own = await orm.em.execute<{ name: string }[]>(
        `select table_name as name from information_schema.tables where table_schema = 'information_schema'`,
      );
      const told = [
        ...own.map(({ name }) => `select * from information_schema.\`${name}\``),
        ...[
          'show full processlist',
          'show open tables',
          'show databases',
          'show grants',
          'show engine innodb status',
          'xa recover',
        ],
        ...['accounts', 'threads', 'table_handles', 'metadata_locks', 'events_statements_history_long'].map(
          (name) => `select * from performance_schema.${name}`,
        ),
      ];
      for (const statement of told) {
        const rows = await orm.em.execute(statement).catch(() => []);
        expect(JSON.stringify(rows), statement).not.toMatch(new RegExp(`${other}|of bloom`));
      }
      expect(await orm.em.execute('select load_file(?) as text', ['/etc/hostname'])).toEqual([{ text: null }]);
    });
    expect(await tenancy.run('bloom', async () => (await orm.em.find(Task, {})).map(({ title }) => title))).toEqual([
      'of bloom',
    ]);
  });

  test('reads no file of this process, also where mysql2 was given what reads them', async () => {
    const read: string[] = [];
    const infileStreamFactory = (path: string) => {
      read.push(path);
      return Readable.from(['stolen\n']);
    };
    const on = { ...mariadb.server(), driverOptions: { infileStreamFactory } };
    const { orm, tenancy } = await open({ tenants: ['acme'], on });
    await tenancy.run('acme', async () => {
      const statement = `load data local infile '/etc/hostname' into table project (name)`;
      await expect(orm.em.execute(statement)).rejects.toThrow(/not allowed/);
      await expect(orm.em.transactional((em) => em.execute(statement))).rejects.toThrow(/not allowed/);
      expect(await orm.em.find(Project, { name: 'stolen' })).toEqual([]);
    });
    expect(read).toEqual([]);
  });

  test('reaches no database whose name fits the pattern that an underscore is in a grant', async () => {
    const { orm, tenancy, server } = await open({ tenants: ['acme'] });
    const own = await tenancy.run('acme', () => databaseOf(orm));
    // Each underscore stands for any character, where it is not escaped.
    const alike = `${server.dbName}${own.slice(server.dbName.length).replaceAll('_', 'x')}`;
    await mariadb.query(`create database \`${alike}\``, `create table \`${alike}\`.task (title text)`);
    await tenancy.run('acme', () =>
      expect(orm.em.execute(`select * from \`${alike}\`.task`)).rejects.toThrow(/denied/),
    );
  });

  test('leaves nothing of its session to the next one, be it of another tenant or its own', async () => {
    const { orm, tenancy } = await open({ connections: { max: 1 } });
    const usual = await tenancy.run('bloom', () => sessionOf(orm));
    await tenancy.run('acme', () =>
      orm.em.execute('create procedure rename_it() begin select 1 as n; set names latin1; end'),
    );
    const tracked = ["set names latin1, time_zone = '+03:00'", 'use information_schema', 'call rename_it()'];
    for (const [next, last] of ['bloom', 'acme'].flatMap((id) => [undefined, ...tracked].map((sql) => [id, sql]))) {
      await tenancy.run('acme', async () => {
        await orm.em.execute(`set @secret = 'of acme'`);
        await orm.em.execute('create temporary table if not exists secret as select 1 as n');
        await orm.em.execute(`select get_lock('the lock', 0)`);
        await orm.em.execute(`prepare stolen from 'select 1'`);
        await orm.em.execute('handler task open');
        await orm.em.execute(`set sql_mode = 'ANSI_QUOTES', foreign_key_checks = 0`);
        await orm.em.execute('set max_statement_time = 9, sql_safe_updates = 1');
        // What the server tells that it has changed, alone or in a transaction.
        if (last !== undefined) await orm.em.transactional((em) => em.execute(last));
      });
      await tenancy.run(next as string, async () => {
        expect({ ...(await sessionOf(orm)), db: '', user: '' }).toEqual({ ...usual, db: '', user: '' });
        await expect(orm.em.execute('select * from secret')).rejects.toThrow(/exist/);
        await expect(orm.em.execute('execute stolen')).rejects.toThrow(/Unknown prepared/);
        await expect(orm.em.execute('handler task read first')).rejects.toThrow();
        const title = `‘ünïcode’ ✓ ${last}`;
        await orm.em.insert(Task, { title });
        expect(await orm.em.count(Task, { title })).toBe(1);
      });
    }
    expect(orm.stats()).toMatchObject({ open: 1, waiting: 0 });
  });

  test('has its locks and what it begins by a statement ended, and is told so', async () => {
    const { orm, tenancy } = await open();
    await tenancy.run('acme', async () => {
      for (const begins of [
        'begin',
        'set autocommit = 0',
        'start transaction read only',
        'begin not atomic start transaction; end',
      ]) {
        await expect(orm.em.execute(begins)).rejects.toEqual(refused('STATEMENT_REFUSED'));
      }
      await orm.em.insert(Task, { title: 'committed' });
      await orm.em.execute('lock tables task write, project write');
    });
    await tenancy.run('acme', () => orm.em.insert(Task, { title: 'not kept waiting' }));
    expect(await tenancy.run('acme', () => orm.em.count(Task))).toBe(2);
  });

  test('begins no XA transaction, which every user of the server could commit', async () => {
    const { orm, tenancy } = await open({ tenants: ['acme'] });
    await tenancy.run('acme', async () => {
      for (const begins of [
        `xa start 'a'`,
        `XA BEGIN 'a'`,
        `-- b\n/* c */ xa/**/start 'a'`,
        `/*! xa start 'a' */`,
        `/*M!100100 xa start 'a' */`,
      ]) {
        await expect(orm.em.execute(begins)).rejects.toEqual(refused('STATEMENT_REFUSED'));
        await expect(orm.em.transactional((em) => em.execute(begins))).rejects.toThrow(/XAER|refused|XA/);
      }
      expect(await orm.em.execute('select 1 as xa')).toEqual([{ xa: 1 }]);
    });
  });

  test('that leaves a session which cannot be changed is no reason to refuse another tenant', async () => {
    const { orm, tenancy } = await open({ connections: { max: 1 } });
    for (const left of [
      `execute immediate 'xa start "left"'`,
      'lock tables task read',
      'flush tables task with read lock',
    ]) {
      await tenancy.run('acme', async () => {
        await orm.em.execute(left).catch(() => {});
        await tenancy.run('bloom', () => orm.em.insert(Task, { title: left }));
      });
    }
    expect(await tenancy.run('acme', () => orm.em.count(Task))).toBe(0);
  });

  test('is the tenant’s own user, whose password is nowhere', async () => {
    const { orm, tenancy, server } = await open({ tenants: ['acme'] });
    const user = await tenancy.run('acme', () => databaseOf(orm));
    const { host, port } = server;
    for (const password of ['', 'x', secret, user]) {
      await expect(createConnection({ host, port, user, password })).rejects.toThrow(/denied/);
    }
    const other = await openTasksOrm(server, { logins: { secret: `${secret} of another process` } });
    const { createTenancy } = await import('@omnitenant/core');
    const beside = createTenancy({ resources: [other] });
    onTestFinished(() => beside.close());
    const found = await beside.run('acme', () => other.em.find(Task, {})).catch((error: Error) => error);
    expect(found).toMatchObject({ code: 'CREDENTIALS_UNREADABLE', tenant: 'acme' });
    expect(`${(found as Error).message} ${JSON.stringify(found)}`).not.toContain(secret);
    await beside.tenants.migrate('acme');
    expect(await beside.run('acme', () => other.em.count(Task))).toBe(0);
  });

  test('keeps its own where each step is interleaved with those of others on few connections', async () => {
    const tenants = ['a1', 'b1', 'c1', 'd1'];
    const { orm, tenancy } = await open({ tenants, connections: { max: 3, perTenant: 3 } });
    await Promise.all(
      tenants.flatMap((id) =>
        [1, 2, 3].map((n) =>
          tenancy.run(id, async () => {
            await orm.em.transactional(async (em) => {
              const project = em.create(Project, { name: `${id} ${n}` });
              await em.flush();
              em.create(Task, { title: `${id} ${n}`, project });
              await em.flush();
            });
            const titles = (await orm.em.fork().find(Task, {})).map(({ title }) => title.slice(0, 2));
            expect(new Set(titles)).toEqual(new Set([id]));
          }),
        ),
      ),
    );
    for (const id of tenants) expect(await tenancy.run(id, () => orm.em.count(Task))).toBe(3);
    expect(orm.stats().open).toBeLessThanOrEqual(3);
  });

  test('is refused what belongs to another, and there is none without a tenant', async () => {
    const { orm, tenancy } = await open();
    await expect(orm.em.find(Task, {})).rejects.toEqual(refused('OUTSIDE_SCOPE'));
    await expect(tenancy.central(() => orm.em.find(Task, {}))).rejects.toEqual(refused('NOT_IN_TENANT'));
    const { em, task, connection } = await tenancy.run('acme', async () => {
      const created = orm.em.create(Task, { title: 'of acme' });
      await orm.em.flush();
      expect(() => orm.em.getConnection().getNativeClient()).toThrow(refused('STATEMENT_REFUSED'));
      return { em: orm.em.fork(), task: created, connection: orm.em.getConnection() };
    });
    await tenancy.run('bloom', async () => {
      await expect(em.find(Task, {})).rejects.toEqual(refused('CROSS_TENANT'));
      await expect(connection.execute('select * from task')).rejects.toEqual(refused('CROSS_TENANT'));
      expect(() => orm.em.persist(task)).toThrow(refused('CROSS_TENANT'));
      expect(await orm.em.count(Task)).toBe(0);
    });
    await tenancy.run('acme', () =>
      orm.em.transactional(async (inside) => {
        const ctx = inside.getTransactionContext();
        await tenancy.run('bloom', () =>
          expect(orm.em.getConnection().execute('select * from task', [], 'all', ctx)).rejects.toEqual(
            refused('CROSS_TENANT'),
          ),
        );
      }),
    );
  });

  test('of a tenant that is gone is refused, and its successor has another database and another user', async () => {
    const { orm, tenancy, server } = await open({ tenants: ['acme'] });
    const { em, name } = await tenancy.run('acme', async () => {
      await orm.em.insert(Task, { title: 'secret' });
      return { em: orm.em.fork(), name: await databaseOf(orm) };
    });
    await tenancy.tenants.remove('acme');
    expect(await mariadb.stored(server)).toEqual([]);
    await tenancy.tenants.create({ id: 'acme' });
    await expect(em.find(Task, {})).rejects.toEqual(refused('TENANT_OUTDATED'));
    await tenancy.run('acme', async () => {
      expect(await databaseOf(orm)).not.toBe(name);
      expect(await orm.em.count(Task)).toBe(0);
    });
  });
});

async function sessionOf(orm: Mariadb): Promise<object> {
  const [row] = await orm.em.execute<object[]>(
    `select database() as db, current_user() as user, @secret as secret, is_used_lock('the lock') as locked, @@sql_mode as mode,
     @@time_zone as zone, @@foreign_key_checks as checks, @@max_statement_time as time, @@sql_safe_updates as safe,
     @@character_set_client as client, @@character_set_results as results, @@autocommit as auto, @@in_transaction as open`,
  );
  return row as object;
}
