import { describe, expect, onTestFinished, test } from 'vitest';
import { hold, openTasks, Task } from './fixtures/tasks.ts';

const refused = (code: string) => expect.objectContaining({ code });
const open = (busyTimeoutMs?: number) => openTasks(onTestFinished, { busyTimeoutMs });

describe('a transaction', () => {
  test('that throws is rolled back, and the next one begins', async () => {
    const { orm, tenancy } = await open();
    await tenancy.run('acme', async () => {
      const failing = orm.em.transactional(async (em) => {
        await em.insert(Task, { title: 'a' });
        throw new Error('no');
      });
      await expect(failing).rejects.toThrow('no');
      await orm.em.transactional((em) => em.insert(Task, { title: 'b' }));
      expect((await orm.em.find(Task, {})).map(({ title }) => title)).toEqual(['b']);
    });
  });

  test('hides what it has not committed, and lets readers through', async () => {
    const { orm, tenancy } = await open();
    const written = Promise.withResolvers<void>();
    const seen = Promise.withResolvers<void>();
    const writing = tenancy.run('acme', () =>
      orm.em.transactional(async (em) => {
        await em.insert(Task, { title: 'a' });
        written.resolve();
        await seen.promise;
      }),
    );
    await written.promise;
    expect(await tenancy.run('acme', () => orm.em.count(Task))).toBe(0);
    seen.resolve();
    await writing;
    expect(await tenancy.run('acme', () => orm.em.count(Task))).toBe(1);
  });

  test('is waited for in line by other writers of its tenant, and by no other tenant', async () => {
    const { orm, tenancy } = await open();
    const order: string[] = [];
    const { writing, end } = await hold({ orm, tenancy });
    const later = ['second', 'third'].map((title) =>
      tenancy.run('acme', async () => {
        if (title === 'second') await orm.em.insert(Task, { title });
        else await orm.em.transactional((em) => em.insert(Task, { title }));
        order.push(title);
      }),
    );
    await tenancy.run('bloom', () => orm.em.insert(Task, { title: 'of bloom' }));
    expect(order).toEqual([]);
    order.push('first');
    end();
    await Promise.all([writing, ...later]);
    expect(order).toEqual(['first', 'second', 'third']);
  });

  test('that holds the file for too long fails who waits, in words, and not itself', async () => {
    const { orm, tenancy } = await open(20);
    const { writing, end } = await hold({ orm, tenancy });
    const other = tenancy.run('acme', () => orm.em.insert(Task, { title: 'second' }));
    await expect(other).rejects.toEqual(refused('CONNECTIONS_EXHAUSTED'));
    end();
    await writing;
    await tenancy.run('acme', () => orm.em.insert(Task, { title: 'third' }));
    expect(await tenancy.run('acme', () => orm.em.count(Task))).toBe(2);
  });

  test('that a scope leaves open ends with it, and what goes on in it is refused', async () => {
    const { orm, tenancy } = await open();
    const em = await tenancy.run('acme', async () => {
      const fork = orm.em.fork();
      await fork.begin();
      await fork.insert(Task, { title: 'left open' });
      return fork;
    });
    await expect(em.insert(Task, { title: 'late' })).rejects.toEqual(refused('SCOPE_ENDED'));
    await expect(em.commit()).rejects.toEqual(refused('SCOPE_ENDED'));
    await tenancy.run('acme', () => orm.em.insert(Task, { title: 'next' }));
    expect(await tenancy.run('acme', async () => (await orm.em.find(Task, {})).map(({ title }) => title))).toEqual([
      'next',
    ]);
  });

  test('that waits in line while its scope ends does not begin', async () => {
    const { orm, tenancy } = await open();
    const { writing, end } = await hold({ orm, tenancy });
    const late = await tenancy.run('acme', () => {
      const waiting = orm.em.fork().transactional((em) => em.insert(Task, { title: 'late' }));
      return { refusal: expect(waiting).rejects.toEqual(refused('SCOPE_ENDED')) };
    });
    end();
    await writing;
    await late.refusal;
    await tenancy.run('acme', () => orm.em.insert(Task, { title: 'next' }));
    expect(await tenancy.run('acme', () => orm.em.count(Task, { title: 'late' }))).toBe(0);
  });

  test('of another tenant is refused', async () => {
    const { orm, tenancy } = await open();
    await tenancy.run('acme', () =>
      orm.em.transactional(async (em) => {
        const ctx = em.getTransactionContext();
        await tenancy.run('bloom', () =>
          expect(orm.em.find(Task, {}, { ctx } as never)).rejects.toEqual(refused('CROSS_TENANT')),
        );
      }),
    );
  });

  test('is begun and ended by the EntityManager, and not by a statement', async () => {
    const { orm, tenancy } = await open();
    await tenancy.run('acme', async () => {
      await expect(orm.em.execute('begin')).rejects.toEqual(refused('STATEMENT_REFUSED'));
      await expect(orm.em.execute('savepoint a')).rejects.toEqual(refused('STATEMENT_REFUSED'));
      const ended = orm.em.transactional(async (em) => {
        await em.execute('rollback');
        await em.insert(Task, { title: 'outside' });
      });
      await expect(ended).rejects.toEqual(refused('STATEMENT_REFUSED'));
      expect(await orm.em.count(Task)).toBe(0);
    });
  });

  test('nests by savepoints', async () => {
    const { orm, tenancy } = await open();
    await tenancy.run('acme', async () => {
      await orm.em.transactional(async (em) => {
        await em.insert(Task, { title: 'kept' });
        const inner = em.transactional(async (nested) => {
          await nested.insert(Task, { title: 'undone' });
          throw new Error('no');
        });
        await expect(inner).rejects.toThrow('no');
      });
      expect((await orm.em.find(Task, {})).map(({ title }) => title)).toEqual(['kept']);
    });
  });

  test('that is read-only writes nothing, and waits for no writer', async () => {
    const { orm, tenancy } = await open(20);
    const { writing, end } = await hold({ orm, tenancy });
    await tenancy.run('acme', () =>
      orm.em.transactional(
        async (reading) => {
          expect(await reading.count(Task)).toBe(0);
          await expect(reading.insert(Task, { title: 'second' })).rejects.toThrow('readonly');
        },
        { readOnly: true },
      ),
    );
    end();
    await writing;
    await tenancy.run('acme', () => orm.em.insert(Task, { title: 'third' }));
  });
});

describe('a stream', () => {
  test('gives the rows while others write, and ends with its scope', async () => {
    const { orm, tenancy } = await open();
    const rows = await tenancy.run('acme', async () => {
      for (const title of ['a', 'b', 'c']) await orm.em.insert(Task, { title });
      const titles: string[] = [];
      for await (const { title } of orm.em.stream(Task, {})) {
        titles.push(title);
        await orm.em.insert(Task, { title: `${title} again` });
      }
      expect(titles).toEqual(['a', 'b', 'c']);
      const left = orm.em.stream(Task, {})[Symbol.asyncIterator]();
      await left.next();
      return left;
    });
    await expect(rows.next()).rejects.toEqual(refused('SCOPE_ENDED'));
    await tenancy.tenants.remove('acme');
  });
});
