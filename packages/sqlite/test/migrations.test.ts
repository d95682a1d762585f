import { copyFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Migration } from '@mikro-orm/migrations';
import { createTenancy } from '@omnitenant/core';
import type { FleetProgress } from '@omnitenant/orm';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  AddInbox,
  CreateTasks,
  listOf,
  openTasks,
  openTasksOrm,
  Project,
  Task,
  temporaryFolder,
} from './fixtures/tasks.ts';

class AddNotes extends Migration {
  override up(): void {
    this.addSql('create table note (id integer primary key, task_id integer not null references task)');
    this.addSql('create index note_task on note (task_id)');
  }

  override down(): void {
    this.addSql('drop table note');
  }
}

/** Fails where the tenant has a task of this title, after its first statement. */
class RefuseBad extends Migration {
  override up(): void {
    this.addSql('create table half_made (id integer)');
    this.addSql(`insert into task (title) values ('bad')`);
  }
}

/** SQLite changes a table by making it again. */
class MakeProjectsAgain extends Migration {
  override up(): void {
    this.addSql('create table project_new (id integer primary key autoincrement, name text not null, budget integer)');
    this.addSql('insert into project_new (id, name) select id, name from project');
    this.addSql('drop table project');
    this.addSql('alter table project_new rename to project');
  }
}

class LoseProjects extends Migration {
  override up(): void {
    this.addSql('delete from project');
  }
}

class Shrink extends Migration {
  override isTransactional(): boolean {
    return false;
  }

  override up(): void {
    this.addSql('vacuum');
  }
}

class ShrinkInParts extends Shrink {
  override up(): void {
    super.up();
    this.addSql('create table shrunk (id integer)');
    this.addSql('insert into gate values (1)');
  }
}

class Attach extends Migration {
  override up(): void {
    this.addSql(`attach ':memory:' as other`);
  }
}

const before = [CreateTasks, AddInbox];

/** The same folder, with the code of another deployment. */
async function deploy(folder: string, migrations: readonly (typeof Migration)[]) {
  const orm = await openTasksOrm({ folder }, migrations);
  const tenancy = createTenancy({ resources: [orm] });
  onTestFinished(() => tenancy.close());
  return { orm, tenancy };
}

async function fleet(tenants: readonly string[] = ['acme', 'bloom', 'cedar']) {
  const folder = temporaryFolder(onTestFinished);
  const { tenancy } = await openTasks(onTestFinished, { folder, tenants });
  await tenancy.close();
  return folder;
}

describe('a fleet', () => {
  test('is migrated with progress, and then has nothing to do', async () => {
    const folder = await fleet();
    const { orm, tenancy } = await deploy(folder, [...before, AddNotes]);
    const pending = await listOf(orm.migrations.status());
    expect(pending.map(({ tenant, last, pending: left }) => [tenant, last, left])).toEqual(
      ['acme', 'bloom', 'cedar'].map((id) => [id, 'AddInbox', ['AddNotes']]),
    );
    const plan = await orm.migrations.plan();
    expect(plan.steps).toEqual([{ pending: ['AddNotes'], tenants: 3, examples: ['acme', 'bloom', 'cedar'] }]);
    const progress: FleetProgress[] = [];
    const report = await orm.migrations.up({ onProgress: (each) => progress.push(each) });
    expect(report).toMatchObject({ total: 3, migrated: 3, upToDate: 0, failed: [], remaining: 0 });
    expect(progress.map(({ tenant }) => tenant).sort()).toEqual(['acme', 'bloom', 'cedar']);
    expect(progress[2]).toMatchObject({ migrations: ['AddNotes'], total: 3, done: 3, failed: 0 });
    expect(await orm.migrations.up()).toMatchObject({ total: 0, migrated: 0 });
    await tenancy.run('bloom', () => orm.em.execute('select task_id from note'));
    expect((await tenancy.tenants.create({ id: 'later' })).status).toBe('active');
    expect((await orm.migrations.verify()).well).toBe(4);
  });

  test('goes on past a tenant that fails, whose file is as it was', async () => {
    const folder = await fleet();
    const { orm, tenancy } = await deploy(folder, [...before, RefuseBad, AddNotes]);
    await tenancy.run('bloom', () => orm.em.insert(Task, { title: 'bad' }));
    const report = await orm.migrations.up();
    expect(report).toMatchObject({ migrated: 2, failed: [{ tenant: 'bloom' }] });
    expect(report.failed[0]?.error).toMatchObject({ code: 'MIGRATE_FAILED', tenant: 'bloom' });
    expect(report.failed[0]?.error.message).toContain('"RefuseBad" failed in tenant "bloom"');
    const tables = await tenancy.run('bloom', () =>
      orm.em.execute(`select name from sqlite_schema where name = 'half_made'`),
    );
    expect(tables).toEqual([]);
    await tenancy.run('bloom', () => orm.em.nativeDelete(Task, { title: 'bad' }));
    expect(await orm.migrations.up()).toMatchObject({ total: 1, migrated: 1, failed: [] });
  });

  test('is migrated by two processes at once, each migration once', async () => {
    const folder = await fleet();
    const [one, other] = [await deploy(folder, [...before, AddNotes]), await deploy(folder, [...before, AddNotes])];
    const reports = await Promise.all([one.orm.migrations.up(), other.orm.migrations.up()]);
    expect(reports.flatMap(({ failed }) => failed)).toEqual([]);
    expect(reports.reduce((sum, { migrated }) => sum + migrated, 0)).toBe(3);
  });

  test('is rolled back, and marked', async () => {
    const folder = await fleet();
    const { orm, tenancy } = await deploy(folder, [...before, AddNotes]);
    await orm.migrations.up();
    expect(await orm.migrations.down({ tenants: ['acme'] })).toMatchObject({ migrated: 1 });
    const noted = await tenancy.run('acme', () => orm.em.execute(`select name from sqlite_schema where name = 'note'`));
    expect(noted).toEqual([]);
    await orm.migrations.fake({ tenants: ['acme'] });
    const [acme] = await listOf(orm.migrations.status({ tenants: ['acme'] }));
    expect(acme?.pending).toEqual([]);
    const { groups } = await orm.migrations.verify();
    expect(groups).toMatchObject([
      {
        problem: 'differs',
        tenants: ['acme'],
        differences: ['The index "note_task" is missing.', 'The table "note" is missing.'],
      },
    ]);
  });

  test('waits for the canary, and stops if it fails', async () => {
    const folder = await fleet();
    const { orm, tenancy } = await deploy(folder, [...before, RefuseBad]);
    await tenancy.run('cedar', () => orm.em.insert(Task, { title: 'bad' }));
    expect(await orm.migrations.up({ canary: ['cedar'] })).toMatchObject({
      migrated: 0,
      stopped: 'canary',
      remaining: 2,
    });
  });
});

describe('a file', () => {
  test('that was restored from before a migration is known for what it is', async () => {
    const folder = await fleet(['acme']);
    const [file = ''] = readdirSync(folder).filter((name) => name.startsWith('acme'));
    copyFileSync(join(folder, file), join(folder, 'kept'));
    const { orm, tenancy } = await deploy(folder, [...before, AddNotes]);
    await orm.migrations.up();
    await tenancy.close();
    for (const ending of ['-wal', '-shm']) rmSync(join(folder, `${file}${ending}`), { force: true });
    copyFileSync(join(folder, 'kept'), join(folder, file));
    const later = await deploy(folder, [...before, AddNotes]);
    const [acme] = await listOf(later.orm.migrations.status());
    expect(acme).toMatchObject({ last: 'AddInbox', pending: ['AddNotes'] });
    expect(await later.orm.migrations.up()).toMatchObject({ migrated: 1 });
  });

  test('of newer code is left alone', async () => {
    const folder = await fleet(['acme']);
    const newer = await deploy(folder, [...before, AddNotes]);
    await newer.orm.migrations.up();
    await newer.tenancy.close();
    const { orm } = await deploy(folder, before);
    expect(await orm.migrations.up()).toMatchObject({ migrated: 0, ahead: 1 });
    expect((await orm.migrations.verify()).groups).toMatchObject([{ problem: 'unknown', tenants: ['acme'] }]);
  });

  test('that is gone is reported, and no other is kept from being migrated', async () => {
    const folder = await fleet(['acme', 'bloom']);
    const { orm } = await deploy(folder, [...before, AddNotes]);
    for (const name of readdirSync(folder).filter((each) => each.startsWith('acme'))) rmSync(join(folder, name));
    expect((await orm.migrations.verify()).groups).toMatchObject([{ problem: 'missing', tenants: ['acme'] }]);
    const report = await orm.migrations.up();
    expect(report).toMatchObject({ migrated: 1, failed: [{ tenant: 'acme' }] });
    expect(report.failed[0]?.error.code).toBe('TENANT_OUTDATED');
  });
});

describe('a migration', () => {
  test('may make a table again that others refer to, and keeps their rows', async () => {
    const folder = await fleet(['acme']);
    const { orm, tenancy } = await deploy(folder, [...before, MakeProjectsAgain]);
    await tenancy.run('acme', async () => {
      const project = await orm.em.findOneOrFail(Project, { name: 'inbox' });
      await orm.em.insert(Task, { title: 'a', project });
    });
    await orm.migrations.up();
    await tenancy.run('acme', async () => {
      const [task] = await orm.em.find(Task, {}, { populate: ['project'] });
      expect(task?.project?.unwrap().name).toBe('inbox');
      await expect(orm.em.insert(Task, { title: 'b', project: 999 as never })).rejects.toThrow('FOREIGN KEY');
    });
  });

  test('that would leave a reference to nothing is rolled back', async () => {
    const folder = await fleet(['acme']);
    const { orm, tenancy } = await deploy(folder, [...before, LoseProjects]);
    await tenancy.run('acme', async () => {
      const project = await orm.em.findOneOrFail(Project, { name: 'inbox' });
      await orm.em.insert(Task, { title: 'a', project });
    });
    const { failed } = await orm.migrations.up();
    expect(failed[0]?.error.message).toContain('1 rows whose reference leads nowhere');
    expect(await tenancy.run('acme', () => orm.em.count(Project))).toBe(1);
  });

  test('says what stays done where it failed outside of a transaction', async () => {
    const { orm } = await deploy(await fleet(), [...before, ShrinkInParts]);
    const { failed } = await orm.migrations.up({ tenants: ['acme'] });
    expect(failed[0]?.error).toMatchObject({ code: 'MIGRATE_FAILED', tenant: 'acme' });
    expect(failed[0]?.error.message).toContain('the first 2 of its 3 statements stay done');
    expect(failed[0]?.error.message).not.toContain('rolled back');
    expect(failed[0]?.summary).toContain('the first 2 of its 3 statements stay done');
  });

  test('may run outside of a transaction, and never opens another file', async () => {
    const folder = await fleet(['acme']);
    const { orm } = await deploy(folder, [...before, Shrink, Attach]);
    const { failed } = await orm.migrations.up();
    expect(failed[0]?.error.message).toContain('attach, detach and vacuum into are refused');
    const [acme] = await listOf(orm.migrations.status());
    expect(acme?.pending).toEqual(['Attach']);
  });
});
