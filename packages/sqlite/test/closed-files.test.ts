import { createTenancy } from '@omnitenant/core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { drivers, hold, openTasksOrm, Task, temporaryFolder } from './fixtures/tasks.ts';

describe.each(Object.keys(drivers) as (keyof typeof drivers)[])(
  'a file that is closed while it is used, by %s,',
  (driver) => {
    async function open() {
      const folder = temporaryFolder(onTestFinished);
      const [orm, other] = [
        await openTasksOrm({ folder }, undefined, driver),
        await openTasksOrm({ folder }, undefined, driver),
      ];
      const [tenancy, beside] = [createTenancy({ resources: [orm] }), createTenancy({ resources: [other] })];
      onTestFinished(() => beside.close());
      onTestFinished(() => tenancy.close());
      await tenancy.tenants.create({ id: 'acme' });
      for (const title of ['a', 'b', 'c']) await tenancy.run('acme', () => orm.em.insert(Task, { title }));
      return { orm, tenancy, beside };
    }

    test.each([
      ['its tenant is reset', ({ beside }: Awaited<ReturnType<typeof open>>) => beside.tenants.reset('acme')],
      ['its tenant is removed', ({ beside }) => beside.tenants.remove('acme')],
      ['its tenancy is closed', ({ tenancy }) => tenancy.close()],
    ])('refuses who waits to write when %s, and the process goes on', async (_, close) => {
      const app = await open();
      const { orm, tenancy } = app;
      const { writing, end } = await hold(app);
      const waiting = [
        tenancy.run('acme', () => orm.em.insert(Task, { title: 'alone' })),
        tenancy.run('acme', () => orm.em.transactional((em) => em.insert(Task, { title: 'in a transaction' }))),
      ];
      const outcomes = Promise.allSettled([writing, ...waiting]);
      // Both wait in line.
      await new Promise((resolve) => setTimeout(resolve, 20));
      await close(app);
      // Whichever statement comes next finds out.
      await tenancy.run('acme', () => orm.em.count(Task)).catch(() => {});
      end();
      const [first, ...others] = await outcomes;
      expect(first).toMatchObject({ status: 'rejected' });
      for (const other of others) expect(other).toMatchObject({ reason: { code: 'TENANT_OUTDATED', tenant: 'acme' } });
    });

    test('gives an error to who streams it, and no answer that is cut short', async () => {
      const { orm, tenancy, beside } = await open();
      const titles: string[] = [];
      const streaming = tenancy.run('acme', async () => {
        for await (const { title } of orm.em.stream(Task, {})) {
          if (titles.push(title) === 1) await beside.tenants.reset('acme');
        }
      });
      await expect(streaming).rejects.toMatchObject({ code: 'TENANT_OUTDATED' });
      expect(titles).toEqual(['a']);
    });

    test('is not: a transaction that its scope leaves while it streams is rolled back, and the next writer has the file', async () => {
      const { orm, tenancy } = await open();
      const left = await tenancy.run('acme', async () => {
        const [begun, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
        const streaming = orm.em.transactional(async (em) => {
          await em.insert(Task, { title: 'd' });
          for await (const _ of em.stream(Task, {})) {
            begun.resolve();
            await ended.promise;
          }
        });
        await begun.promise;
        return { streaming: expect(streaming).rejects.toMatchObject({ code: 'SCOPE_ENDED' }), end: ended.resolve };
      });
      await tenancy.run('acme', () => orm.em.insert(Task, { title: 'd' }));
      left.end();
      await left.streaming;
    });
  },
);
