import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Migration } from '@mikro-orm/migrations';
import { createTenancy } from '@omnitenant/core';
import { noMariadb, testMariadbServer } from '@omnitenant/tooling';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { SlowParts } from './fixtures/slow-parts.ts';
import {
  AddInbox,
  CreateTasks,
  entities,
  listOf,
  openTasksOrm,
  Project,
  Task,
  type TasksApp,
  type TasksServer,
  tasksOnMariadb,
} from './fixtures/tasks.ts';

const missing = await noMariadb();
const refused = (code: string) => expect.objectContaining({ code });
const script = fileURLToPath(new URL('./fixtures/process.ts', import.meta.url));

class AddNotes extends Migration {
  override up(): void {
    this.addSql(
      'create table note (id int primary key, task_id int not null, foreign key (task_id) references task (id))',
    );
  }

  override down(): void {
    this.addSql('drop table note');
  }
}

/** Fails in its second part where the tenant has a task of this title. */
class RefuseBad extends Migration {
  override up(): void {
    this.addSql('create table half_made (id int)');
    this.addSql(`insert into task (title) values ('bad')`);
  }
}

class DropSeveral extends Migration {
  override up(): void {
    this.addSql('drop table left_over, never_there');
  }
}

/** Sets what its later parts need, and fails before them where there is no table `gate`. */
class SetFirst extends Migration {
  override up(): void {
    this.addSql('set foreign_key_checks = 0');
    this.addSql('select min(id) into @first from project');
    this.addSql('create table of_set_first (id int)');
    this.addSql('insert into gate values (1)');
    this.addSql(`insert into task (title, project_id) values ('of a variable', @first)`);
    this.addSql('drop table project');
    this.addSql('set foreign_key_checks = 1');
  }

  override down(): void {
    this.addSql('drop table of_set_first');
    this.addSql('drop table lock_of_down');
    this.addSql('create table project (id int auto_increment primary key, name varchar(255) not null)');
  }
}

function start(server: TasksServer, action: string): ChildProcess {
  const child = spawn(process.execPath, ['--conditions=@omnitenant/source', script, JSON.stringify(server), action], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** How a process has ended: its exit code, or the signal that killed it. */
async function ending(child: ChildProcess): Promise<unknown> {
  const [code, signal] = await once(child, 'exit');
  return code ?? signal;
}

describe.skipIf(missing)(`on MariaDB ${missing ?? ''}`, async () => {
  if (missing) return;
  const mariadb = await tasksOnMariadb();
  const open = (options = {}) => mariadb.open(onTestFinished, options);

  /** The same application, with the code of another deployment. */
  async function deploy(server: TasksServer, ...later: readonly (typeof Migration)[]): Promise<TasksApp> {
    return mariadb.open(onTestFinished, { on: server, tenants: [], migrationsList: [CreateTasks, AddInbox, ...later] });
  }

  async function tablesOf({ orm, tenancy }: TasksApp, id: string): Promise<string[]> {
    const rows = await tenancy.run(id, () => orm.em.execute<object[]>('show tables'));
    return rows.flatMap((row) => Object.values(row)).sort();
  }

  test('a tenant is a database with its mark and a user, and nothing is left of it', async () => {
    const seed = (em: { insert(entity: unknown, row: object): Promise<unknown> }, { id }: { id: string }) =>
      em.insert(Project, { name: `first of ${id}` });
    const { orm, tenancy, server } = await open({ tenants: ['acme'], seed: seed as never });
    const { createdAt, isolation } = await tenancy.tenants.get('acme');
    expect(isolation).toBe('database');
    const [database = '', user] = await mariadb.stored(server);
    expect(user).toBe(database);
    const [row] = await mariadb.query(
      `select schema_comment as mark from information_schema.schemata where schema_name = '${database}'`,
    );
    expect(row?.mark).toBe(`omnitenant: tenant acme@${createdAt.getTime()} of ${server.dbName}`);
    const names = await tenancy.run('acme', async () => (await orm.em.find(Project, {})).map(({ name }) => name));
    expect(names).toEqual(['inbox', 'first of acme']);
    await tenancy.tenants.reset('acme');
    expect(await tenancy.run('acme', () => orm.em.count(Project))).toBe(2);
    await tenancy.tenants.create({ id: 'a'.repeat(48) });
    for (const id of ['acme', 'a'.repeat(48)]) await tenancy.tenants.remove(id);
    expect(await mariadb.stored(server)).toEqual([]);
  });

  test('a database without the mark is not taken over, and not dropped', async () => {
    const { tenancy, server } = await open({ tenants: ['acme'] });
    const [database = ''] = await mariadb.stored(server);
    await mariadb.query(`alter database \`${database}\` comment 'of somebody else'`);
    await expect(tenancy.tenants.remove('acme')).rejects.toMatchObject({ cause: refused('REMOVE_FAILED') });
    expect(await mariadb.stored(server)).toContain(database);
  });

  test('what is not there is refused in a sentence', async () => {
    const { tenancy, server } = await open({ tenants: ['acme'] });
    await expect(tenancy.tenants.create({ id: 'cedar', isolation: 'schema' })).rejects.toEqual(
      refused('ISOLATION_UNKNOWN'),
    );
    await expect(tenancy.tenants.adopt({ id: 'cedar' })).rejects.toEqual(refused('TRANSITION_REFUSED'));
    await expect(openTasksOrm(server, { logins: undefined as never })).rejects.toThrow('needs the option logins');
    await expect(openTasksOrm(server, { logins: { secret: 'short' } })).rejects.toThrow('at least 32 characters');
    await expect(openTasksOrm({ ...server, dbName: 'Not A Name' })).rejects.toThrow('needs the dbName');
    await expect(openTasksOrm({ ...server, pool: { max: 3 } } as never)).rejects.toThrow('option pool is refused');
    const { defineConfig } = await import('@mikro-orm/postgresql');
    const { createMariadb } = await import('@omnitenant/mariadb');
    const other = defineConfig({ dbName: 'app', entities });
    await expect(createMariadb(other as never, { logins: { secret: 'x'.repeat(32) } })).rejects.toEqual(
      refused('CONFIG_INVALID'),
    );
    const [acme] = await listOf(tenancy.tenants.all());
    expect(acme?.id).toBe('acme');
  });

  test('an account that may do no more than it needs is enough, and other processes share what it makes', async () => {
    const server = mariadb.server();
    const account = `${server.dbName}_account`;
    const escaped = server.dbName.replaceAll('_', String.raw`\_`);
    await mariadb.query(
      `create user \`${account}\`@'%' identified by 'of the account'`,
      `grant create user, connection admin, process on *.* to \`${account}\`@'%'`,
      `grant all on \`${escaped}\`.* to \`${account}\`@'%'`,
      `grant all on \`${escaped}\\_%\`.* to \`${account}\`@'%' with grant option`,
    );
    const on = { ...server, user: account, password: 'of the account' };
    const { orm, tenancy } = await mariadb.open(onTestFinished, { on, tenants: ['acme', 'bloom'] });
    const others = ['write', 'create', 'create'].map((action) => ending(start(on, action)));
    expect(await Promise.all(others)).toEqual([0, 0, 0]);
    expect(await tenancy.run('acme', () => orm.em.count(Task))).toBe(1);
    expect(await listOf(tenancy.tenants.all())).toHaveLength(4);
    // Of another process, whose connections this one does not have.
    const beside = await mariadb.open(onTestFinished, { on, tenants: [] });
    await beside.tenancy.run('bloom', async () => {
      const held = beside.orm.em.fork();
      await held.begin();
      await held.insert(Task, { title: 'a' });
      await beside.tenancy.outside(() => tenancy.tenants.remove('bloom'));
      await expect(held.insert(Task, { title: 'b' })).rejects.toEqual(refused('SERVER_UNAVAILABLE'));
    });
    expect((await mariadb.stored(server)).filter((name) => name.includes('bloom'))).toEqual([]);
    expect((await tenancy.health()).ready).toBe(true);
  });

  test('a fleet is migrated past a tenant that fails, which goes on after its last part', async () => {
    const { server, tenancy: before } = await open({ tenants: ['acme', 'bloom', 'cedar'] });
    await before.close();
    const app = await deploy(server, RefuseBad, AddNotes);
    const { orm, tenancy } = app;
    await tenancy.run('bloom', () => orm.em.insert(Task, { title: 'bad' }));
    const report = await orm.migrations.up();
    expect(report).toMatchObject({ migrated: 2, failed: [{ tenant: 'bloom' }] });
    expect(report.failed[0]?.error.message).toContain('"RefuseBad" failed in tenant "bloom"');
    expect(await tablesOf(app, 'bloom')).toContain('half_made');
    await tenancy.run('bloom', () => orm.em.nativeDelete(Task, { title: 'bad' }));
    expect(await orm.migrations.up()).toMatchObject({ total: 1, migrated: 1, failed: [] });
    expect(await tablesOf(app, 'bloom')).toEqual(await tablesOf(app, 'acme'));
    expect(await orm.migrations.up()).toMatchObject({ total: 0 });
    expect(await orm.migrations.down({ tenants: ['acme'] })).toMatchObject({ migrated: 1 });
    expect(await tablesOf(app, 'acme')).not.toContain('note');
    await orm.migrations.fake({ tenants: ['acme'] });
    const [acme] = await listOf(orm.migrations.status({ tenants: ['acme'] }));
    expect(acme).toMatchObject({ last: 'AddNotes', pending: [] });
    expect(await orm.migrations.verify()).toMatchObject({
      well: 2,
      groups: [
        {
          problem: 'differs',
          tenants: ['acme'],
          differences: expect.arrayContaining([
            'The column "note"."task_id" is missing.',
            'The index "PRIMARY" of "note" is missing.',
          ]),
        },
      ],
    });
    expect((await mariadb.stored(server)).filter((name) => name.includes('verify'))).toEqual([]);
    const [one, other] = [
      await deploy(server, RefuseBad, AddNotes, SlowParts),
      await deploy(server, RefuseBad, AddNotes, SlowParts),
    ];
    const both = await Promise.all([one.orm.migrations.up(), other.orm.migrations.up()]);
    expect(both.reduce((sum, { migrated }) => sum + migrated, 0)).toBe(3);
  });

  test('a creation and a removal that are killed between their steps are ended', async () => {
    const { orm, tenancy, server } = await open({ tenants: ['acme'] });
    await tenancy.run('acme', () => orm.em.insert(Task, { title: 'secret' }));
    const kills = ['die-creating', 'die-removing'].map((action) => ending(start(server, action)));
    expect(await Promise.all(kills)).toEqual(['SIGKILL', 'SIGKILL']);
    await vi.waitFor(() => tenancy.tenants.repair('cedar'), { timeout: 60_000, interval: 100 });
    expect(await tenancy.run('cedar', () => orm.em.count(Task))).toBe(0);
    await vi.waitFor(() => tenancy.tenants.remove('acme'), { timeout: 60_000, interval: 100 });
    await tenancy.tenants.create({ id: 'acme' });
    expect(await tenancy.run('acme', () => orm.em.count(Task))).toBe(0);
    expect(await mariadb.stored(server)).toHaveLength(4);
  });

  test('a migration that is killed in code has done nothing, and is done by the next run', async () => {
    const { orm, tenancy, server } = await open({ tenants: ['acme'] });
    expect(await ending(start(server, 'die-migrating'))).toBe('SIGKILL');
    expect(await tenancy.run('acme', () => orm.em.count(Project))).toBe(1);
  });

  test('a migration that is killed in a part goes on, or says what nobody can know and how to leave it', async () => {
    const { server } = await open({ tenants: ['acme'] });
    const app = await deploy(server, SlowParts);
    const { orm, tenancy } = app;

    /** Kills a process while the server is at a part, which the server then ends or undoes. */
    async function killIn(part: string): Promise<void> {
      const child = start(server, 'migrate-slowly');
      const running = `select id from information_schema.processlist where user like '${server.dbName}%' and info like '${part}%'`;
      await vi.waitFor(async () => expect(await mariadb.query(running)).toHaveLength(1), {
        timeout: 30_000,
        interval: 20,
      });
      const ended = ending(child);
      child.kill('SIGKILL');
      await ended;
      await vi.waitFor(async () => expect(await mariadb.query(running)).toHaveLength(0), {
        timeout: 30_000,
        interval: 20,
      });
    }

    await killIn('insert into project');
    expect(await tablesOf(app, 'acme')).toContain('first_part');
    expect(await tenancy.run('acme', () => orm.em.count(Project))).toBe(1);
    await killIn('create table third_part');
    await vi.waitFor(async () => expect(await tablesOf(app, 'acme')).toContain('third_part'));
    const migrating = () =>
      vi.waitFor(
        () =>
          orm.migrations.up().then((report) => {
            if (report.total === 0 || report.failed[0]?.error.code === 'TENANT_BUSY') throw new Error('still leased');
            return report;
          }),
        { timeout: 60_000, interval: 100 },
      );
    const { failed } = await migrating();
    const message = failed[0]?.error.message ?? '';
    expect(message).toContain('its part 3 of 4 was begun');
    const [settle = ''] = /update omnitenant_step set state = 'done' where .*?step = 3/.exec(message) ?? [];
    await tenancy.run('acme', () => orm.em.execute(settle));
    expect(await orm.migrations.up()).toMatchObject({ migrated: 1, failed: [] });
    expect(await tablesOf(app, 'acme')).toContain('fourth_part');
    expect(await tenancy.run('acme', () => orm.em.count(Project))).toBe(2);
  });

  test('a migration that goes on has what its first parts have set', async () => {
    const { server } = await open({ tenants: ['acme'] });
    const { orm, tenancy } = await deploy(server, SetFirst);
    expect(await orm.migrations.up()).toMatchObject({ migrated: 0, failed: [{ tenant: 'acme' }] });
    await tenancy.run('acme', () => orm.em.execute('create table gate (n int)'));
    expect(await orm.migrations.up()).toMatchObject({ migrated: 1, failed: [] });
    expect(await tenancy.run('acme', () => orm.em.execute('select title, project_id from task'))).toEqual([
      { title: 'of a variable', project_id: 1 },
    ]);
  });

  test('a part that drops several tables and fails after the first one is not sent again', async () => {
    const { server } = await open({ tenants: ['acme'] });
    const app = await deploy(server, DropSeveral);
    const { orm, tenancy } = app;
    await tenancy.run('acme', () => orm.em.execute('create table left_over (n int)'));
    await orm.migrations.up();
    expect(await tablesOf(app, 'acme')).not.toContain('left_over');
    const { failed } = await orm.migrations.up();
    const message = failed[0]?.error.message ?? '';
    expect(message).toContain('its part 1 of 1 was begun');
    const [settle = ''] = /update omnitenant_step set state = 'done' where .*?step = 1/.exec(message) ?? [];
    await tenancy.run('acme', () => orm.em.execute(settle));
    expect(await orm.migrations.up()).toMatchObject({ migrated: 1, failed: [] });
  });

  test('a migration that is reverted in part is told by each run, and whole when it is reverted again', async () => {
    const { server } = await open({ tenants: ['acme'] });
    const app = await deploy(server, SetFirst);
    const { orm, tenancy } = app;
    await tenancy.run('acme', () => orm.em.execute('create table gate (n int)'));
    expect(await orm.migrations.up()).toMatchObject({ migrated: 1 });
    const failing = { migrated: 0, failed: [{ tenant: 'acme', error: { code: 'MIGRATE_FAILED' } }] };
    expect(await orm.migrations.down()).toMatchObject(failing);
    expect(await tablesOf(app, 'acme')).not.toContain('of_set_first');
    const again = await orm.migrations.up();
    expect(again).toMatchObject(failing);
    expect(again.failed[0]?.error.message).toContain('"SetFirst" was reverted here in part');
    await expect(tenancy.tenants.migrate('acme')).rejects.toEqual(refused('MIGRATE_FAILED'));
    const [acme] = await listOf(orm.migrations.status());
    expect(acme).toMatchObject({ last: undefined, pending: undefined });
    // Code that does not have the migration leaves it to the code that has.
    const older = await deploy(server);
    expect(await older.orm.migrations.up()).toMatchObject({ failed: [] });
    await tenancy.run('acme', () => orm.em.execute('create table lock_of_down (n int)'));
    expect(await orm.migrations.down()).toMatchObject({ migrated: 1, failed: [] });
    expect(await tablesOf(app, 'acme')).toContain('project');
    const [whole] = await listOf(orm.migrations.status());
    expect(whole).toMatchObject({ last: 'AddInbox', pending: ['SetFirst'] });
  });

  test('a server that grants every user something lets no tenant in, and one that is lost is 503', async () => {
    await using own = await testMariadbServer();
    const server = { host: '127.0.0.1', port: own.port, user: 'root', password: '', dbName: 'app' };
    const orm = await openTasksOrm(server);
    const tenancy = createTenancy({ resources: [orm] });
    // Nobody else is on this server, whose tenants would be refused as well.
    await own.query('create database shared', 'grant select on shared.* to public');
    await expect(tenancy.tenants.create({ id: 'acme' })).rejects.toMatchObject({
      code: 'PROVISION_FAILED',
      cause: { message: expect.stringContaining('(shared)') },
    });
    const left = await own.query(
      "select schema_name as name from information_schema.schemata where schema_name like 'app\\_%'",
    );
    expect(left).toEqual([]);
    await own.query('revoke select on shared.* from public');
    await tenancy.tenants.create({ id: 'acme' });
    const begun = Promise.withResolvers<void>();
    const restarted = Promise.withResolvers<void>();
    const cut = tenancy.run('acme', () =>
      orm.em.transactional(async (em) => {
        await em.insert(Task, { title: 'never committed' });
        begun.resolve();
        await restarted.promise;
        await em.insert(Task, { title: 'on another session' });
      }),
    );
    await begun.promise;
    await own.restart();
    restarted.resolve();
    await expect(cut).rejects.toEqual(refused('SERVER_UNAVAILABLE'));
    expect(await tenancy.run('acme', () => orm.em.count(Task))).toBe(0);
    await own.stop();
    await expect(tenancy.run('acme', () => orm.em.count(Task))).rejects.toEqual(refused('SERVER_UNAVAILABLE'));
    await expect(tenancy.run('bloom', () => orm.em.count(Task))).rejects.toEqual(refused('STORE_UNAVAILABLE'));
    await tenancy.close();
  });
});
