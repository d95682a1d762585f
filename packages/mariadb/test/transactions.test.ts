import { noMariadb } from '@omnitenant/tooling';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Task, type TasksApp, tasksOnMariadb } from './fixtures/tasks.ts';

const missing = await noMariadb();
const refused = (code: string) => expect.objectContaining({ code });

/** A transaction of acme that has written, and stays open until `end`. */
async function hold({ orm, tenancy }: Pick<TasksApp, 'orm' | 'tenancy'>) {
  const begun = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const writing = tenancy.run('acme', () =>
    orm.em.transactional(async (em) => {
      await em.insert(Task, { title: 'first' });
      begun.resolve();
      await ended.promise;
    }),
  );
  await begun.promise;
  return { writing, end: () => ended.resolve() };
}

describe.skipIf(missing)(`a transaction ${missing ?? ''}`, async () => {
  if (missing) return;
  const mariadb = await tasksOnMariadb();
  const open = (options = {}) => mariadb.open(onTestFinished, options);
  const titlesIn = ({ orm, tenancy }: TasksApp, id = 'acme') =>
    tenancy.run(id, async () => (await orm.em.find(Task, {}, { orderBy: { id: 1 } })).map(({ title }) => title));

  test('that throws is rolled back, and nests by savepoints', async () => {
    const app = await open();
    const { orm, tenancy } = app;
    await tenancy.run('acme', async () => {
      const failing = orm.em.transactional(async (em) => {
        await em.insert(Task, { title: 'a' });
        throw new Error('no');
      });
      await expect(failing).rejects.toThrow('no');
      await orm.em.transactional(
        async (em) => {
          await em.insert(Task, { title: 'kept' });
          const inner = em.transactional(async (nested) => {
            await nested.insert(Task, { title: 'undone' });
            throw new Error('no');
          });
          await expect(inner).rejects.toThrow('no');
        },
        { isolationLevel: 'serializable' as never },
      );
    });
    expect(await titlesIn(app)).toEqual(['kept']);
    const reading = tenancy.run('acme', () =>
      orm.em.transactional((em) => em.insert(Task, { title: 'none' }), { readOnly: true }),
    );
    await expect(reading).rejects.toThrow(/READ ONLY/i);
  });

  test('that a scope leaves open ends with it, and so does a stream; what goes on is refused', async () => {
    const app = await open();
    const { orm, tenancy } = app;
    const { em, rows, late } = await tenancy.run('acme', async () => {
      for (const title of ['a', 'b', 'c']) await orm.em.insert(Task, { title });
      const titles: string[] = [];
      for await (const { title } of orm.em.stream(Task, {})) titles.push(title);
      expect(titles).toEqual(['a', 'b', 'c']);
      const stream = orm.em.stream(Task, {})[Symbol.asyncIterator]();
      await stream.next();
      const fork = orm.em.fork();
      await fork.begin();
      await fork.insert(Task, { title: 'left open' });
      return { em: fork, rows: stream, late: orm.em.fork() };
    });
    await expect(em.insert(Task, { title: 'late' })).rejects.toEqual(refused('SCOPE_ENDED'));
    await expect(em.commit()).rejects.toEqual(refused('SCOPE_ENDED'));
    await expect(rows.next()).rejects.toEqual(refused('SCOPE_ENDED'));
    await tenancy.run('acme', () => orm.em.insert(Task, { title: 'next' }));
    expect(await titlesIn(app)).toEqual(['a', 'b', 'c', 'next']);
    await expect(late.insert(Task, { title: 'much later' })).resolves.toBeDefined();
    await expect(lateIn(app)).rejects.toEqual(refused('SCOPE_ENDED'));
    await vi.waitFor(() => expect(orm.stats()).toMatchObject({ inUse: 0, waiting: 0 }));
  });

  test('is over where MariaDB ends it, and what follows does not run without it', async () => {
    const app = await open();
    const { orm, tenancy } = app;
    for (const ending of ['create table made (id int)', 'rollback', 'commit', 'begin']) {
      const done = tenancy.run('acme', () =>
        orm.em.transactional(async (em) => {
          await em.execute(ending);
          if (ending === 'begin') await em.execute('commit');
          await em.insert(Task, { title: `after ${ending}` });
        }),
      );
      await expect(done).rejects.toEqual(refused('STATEMENT_REFUSED'));
    }
    expect(await titlesIn(app)).toEqual([]);
  });

  test('that a deadlock has rolled back does not go on by halves', async () => {
    const app = await open();
    const { orm, tenancy } = app;
    await tenancy.run('acme', async () => {
      for (const title of ['a', 'b']) await orm.em.insert(Task, { title });
    });
    const met = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
    const crossing = [0, 1].map((n) =>
      tenancy.run('acme', () =>
        orm.em.transactional(async (em) => {
          const [first, second] = n === 0 ? [1, 2] : [2, 1];
          await em.execute('update task set title = concat(title, ?) where id = ?', [n, first]);
          met[n]?.resolve();
          await Promise.all(met.map(({ promise }) => promise));
          await em.execute('update task set title = concat(title, ?) where id = ?', [n, second]).catch(() => {});
          await em.insert(Task, { title: `after ${n}` });
        }),
      ),
    );
    const outcomes = await Promise.allSettled(crossing);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const lost = outcomes.find(({ status }) => status === 'rejected') as PromiseRejectedResult;
    expect(lost.reason).toEqual(refused('STATEMENT_REFUSED'));
    expect(await titlesIn(app)).toHaveLength(3);
  });

  test('waits for a connection so long, and one tenant never has all of them', async () => {
    const app = await open({ connections: { max: 2, perTenant: 1, waitMs: 50 } });
    const { orm, tenancy } = app;
    const { writing, end } = await hold(app);
    await expect(tenancy.run('acme', () => orm.em.count(Task))).rejects.toEqual(refused('SHARE_EXHAUSTED'));
    expect(await tenancy.run('bloom', () => orm.em.count(Task))).toBe(0);
    end();
    await writing;
    expect(await tenancy.run('acme', () => orm.em.count(Task))).toBe(1);
    const full = await open({ connections: { max: 1, waitMs: 50 } });
    const held = await hold(full);
    const other = full.tenancy.run('bloom', () => full.orm.em.count(Task));
    await expect(other).rejects.toEqual(refused('CONNECTIONS_EXHAUSTED'));
    held.end();
    await held.writing;
    expect(await full.tenancy.run('bloom', () => full.orm.em.count(Task))).toBe(0);
  });
});

/** A statement that is sent in a scope that has ended. */
async function lateIn({ orm, tenancy }: TasksApp): Promise<unknown> {
  const over = Promise.withResolvers<void>();
  let late: Promise<unknown> | undefined;
  await tenancy.run('acme', () => {
    late = over.promise.then(() => orm.em.fork().count(Task));
  });
  over.resolve();
  return late;
}
