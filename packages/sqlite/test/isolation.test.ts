import { existsSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'kysely';
import { describe, expect, onTestFinished, test } from 'vitest';
import { filesIn, openTasks, Project, Task } from './fixtures/tasks.ts';

const open = () => openTasks(onTestFinished);
const refused = (code: string) => expect.objectContaining({ code });

describe('a statement that would open another file', () => {
  const hostile = [
    (path: string) => `attach '${path}' as other`,
    (path: string) => `ATTACH DATABASE '${path}' AS other`,
    (path: string) => `/* a */ at/**/tach '${path}' as other`,
    (path: string) => `;attach '${path}' as other`,
    (path: string) => `-- vacuum\nattach '${path}' as other`,
    (path: string) => `vacuum into '${path}'`,
    (path: string) => `vacuum main into '${path}'`,
    () => 'detach main',
  ];

  test.each(hostile.map((of) => [of('/x'), of]))('is refused: %s', async (_, of) => {
    const { folder, orm, tenancy } = await open();
    const target = join(folder, 'stolen.sqlite');
    await tenancy.run('acme', async () => {
      await expect(orm.em.execute(of(target))).rejects.toThrow();
      await expect(orm.em.transactional((em) => em.execute(of(target)))).rejects.toThrow();
      await expect(sql.raw(of(target)).execute(orm.em.getKysely())).rejects.toThrow();
      const databases = await orm.em.execute<{ name: string }[]>('pragma database_list');
      expect(databases.map(({ name }) => name)).toEqual(['main']);
    });
    expect(existsSync(target)).toBe(false);
  });

  test('is refused in words that say what to do', async () => {
    const { orm, tenancy } = await open();
    const attached = tenancy.run('acme', () => orm.em.execute(`attach ':memory:' as other`));
    await expect(attached).rejects.toMatchObject({ code: 'STATEMENT_REFUSED', tenant: 'acme' });
    const several = tenancy.run('acme', () => orm.em.execute(`select 1; attach ':memory:' as other`));
    await expect(several).rejects.toThrow('more than one statement');
    const extension = tenancy.run('acme', () => orm.em.execute(`select load_extension('/tmp/x')`));
    await expect(extension).rejects.toThrow('not authorized');
  });

  test('is told from one that only has the words in it', async () => {
    const { orm, tenancy } = await open();
    await tenancy.run('acme', async () => {
      await orm.em.insert(Task, { title: `attach 'x' as y; vacuum into 'z'` });
      await orm.em.execute('create table attachment (vacuum text)');
      await orm.em.execute('vacuum');
      expect(await orm.em.count(Task, { title: { $like: 'attach%' } })).toBe(1);
    });
  });
});

describe('without a tenant', () => {
  test('the EntityManager refuses, and so it does in central', async () => {
    const { orm, tenancy } = await open();
    await expect(orm.em.find(Task, {})).rejects.toEqual(refused('OUTSIDE_SCOPE'));
    await expect(orm.em.execute('select 1')).rejects.toEqual(refused('OUTSIDE_SCOPE'));
    await expect(tenancy.central(() => orm.em.find(Task, {}))).rejects.toEqual(refused('NOT_IN_TENANT'));
  });
});

describe('what belongs to one tenant', () => {
  test('is refused in the scope of another', async () => {
    const { orm, tenancy } = await open();
    const { em, task } = await tenancy.run('acme', async () => {
      const created = orm.em.create(Task, { title: 'of acme' });
      await orm.em.flush();
      return { em: orm.em.fork(), task: created };
    });
    await tenancy.run('bloom', async () => {
      await expect(em.find(Task, {})).rejects.toEqual(refused('CROSS_TENANT'));
      expect(() => em.getConnection()).toThrow(refused('CROSS_TENANT'));
      expect(() => orm.em.persist(task)).toThrow(refused('CROSS_TENANT'));
      await expect(orm.em.find(Task, { id: { $in: [task as never] } })).rejects.toEqual(refused('CROSS_TENANT'));
      expect(await orm.em.count(Task)).toBe(0);
    });
  });

  test('is not reached by its connection, which was carried along', async () => {
    const { orm, tenancy } = await open();
    const connection = await tenancy.run('acme', () => orm.em.getConnection());
    await tenancy.run('bloom', () =>
      expect(connection.execute('select * from task')).rejects.toEqual(refused('CROSS_TENANT')),
    );
    await tenancy.run('acme', async () => {
      expect(() => orm.em.getConnection().getNativeClient()).toThrow(refused('STATEMENT_REFUSED'));
      expect(() => orm.em.getConnection().executeDump('select 1')).toThrow(refused('STATEMENT_REFUSED'));
    });
  });

  test('is cached for it alone', async () => {
    const { orm, tenancy } = await open();
    for (const id of ['acme', 'bloom']) {
      await tenancy.run(id, () => orm.em.insert(Task, { title: `of ${id}` }));
    }
    const titles = (id: string) =>
      tenancy.run(id, async () =>
        (await orm.em.find(Task, {}, { cache: ['tasks', 60_000] })).map(({ title }) => title),
      );
    expect([await titles('acme'), await titles('bloom'), await titles('acme')]).toEqual([
      ['of acme'],
      ['of bloom'],
      ['of acme'],
    ]);
  });

  test('is refused to whoever holds a tenant that is gone, and its successor begins with nothing', async () => {
    const { folder, orm, tenancy } = await open();
    const old = await tenancy.tenants.get('acme');
    const em = await tenancy.run('acme', async () => {
      await orm.em.insert(Task, { title: 'secret' });
      return orm.em.fork();
    });
    await tenancy.tenants.remove('acme');
    expect(filesIn(folder).filter((name) => name.startsWith('acme'))).toEqual([]);
    const next = await tenancy.tenants.create({ id: 'acme' });
    expect(next.createdAt > old.createdAt).toBe(true);
    await tenancy.run('acme', () => orm.em.insert(Task, { title: 'of the new one' }));
    await expect(em.find(Task, {})).rejects.toEqual(refused('TENANT_OUTDATED'));
    expect(await tenancy.run('acme', () => orm.em.count(Task))).toBe(1);
  });
});

describe('a path', () => {
  test('that was replaced by a link to another tenant’s file is refused', async () => {
    const { folder, orm, tenancy } = await open();
    await tenancy.run('bloom', () => orm.em.insert(Task, { title: 'of bloom' }));
    const [acme = '', bloom = ''] = filesIn(folder)
      .filter((name) => name.endsWith('.sqlite'))
      .sort();
    renameSync(join(folder, acme), join(folder, 'aside'));
    symlinkSync(join(folder, bloom), join(folder, acme));
    await expect(tenancy.run('acme', () => orm.em.find(Task, {}))).rejects.toEqual(refused('TENANT_INVALID'));
  });
});

describe('tenants at the same time', () => {
  test('keep their own, also where each step of a transaction is interleaved', async () => {
    const { orm, tenancy } = await openTasks(onTestFinished, { tenants: ['a1', 'b1', 'c1', 'd1'] });
    await Promise.all(
      ['a1', 'b1', 'c1', 'd1'].flatMap((id) =>
        [1, 2, 3].map((n) =>
          tenancy.run(id, () =>
            orm.em.transactional(async (em) => {
              const project = em.create(Project, { name: `${id} ${n}` });
              await em.flush();
              await new Promise(setImmediate);
              em.create(Task, { title: `${id} ${n}`, project });
              await em.flush();
              expect(await em.count(Task, { title: { $like: `${id} %` } })).toBe(await em.count(Task));
            }),
          ),
        ),
      ),
    );
    for (const id of ['a1', 'b1', 'c1', 'd1']) {
      const titles = await tenancy.run(id, async () => (await orm.em.find(Task, {})).map(({ title }) => title));
      expect(titles.toSorted()).toEqual([1, 2, 3].map((n) => `${id} ${n}`));
    }
  });

  test('are more than may stay open, and each is served', async () => {
    const tenants = Array.from({ length: 12 }, (_, n) => `t${n}`);
    const { orm, tenancy } = await openTasks(onTestFinished, { tenants, openFiles: 2 });
    let most = 0;
    const met = Promise.withResolvers<void>();
    let inside = 0;
    await Promise.all(
      tenants.map((id) =>
        tenancy.run(id, () =>
          orm.em.transactional(async (em) => {
            em.create(Task, { title: `of ${id}` });
            await em.flush();
            inside += 1;
            if (inside === tenants.length) met.resolve();
            await met.promise;
            most = Math.max(most, orm.stats().openFiles);
          }),
        ),
      ),
    );
    expect(most).toBe(tenants.length);
    for (const id of tenants) {
      expect(await tenancy.run(id, async () => (await orm.em.find(Task, {}))[0]?.title)).toBe(`of ${id}`);
    }
    expect(orm.stats().openFiles).toBeLessThanOrEqual(2);
  });
});
