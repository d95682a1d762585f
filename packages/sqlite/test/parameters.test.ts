import { createTenancy } from '@omnitenant/core';
import { sql } from 'kysely';
import { describe, expect, onTestFinished, test } from 'vitest';
import { drivers, openTasksOrm, Task, temporaryFolder } from './fixtures/tasks.ts';

describe.each(Object.keys(drivers) as (keyof typeof drivers)[])('a parameter, by %s,', (driver) => {
  async function open() {
    const orm = await openTasksOrm({ folder: temporaryFolder(onTestFinished) }, undefined, driver);
    const tenancy = createTenancy({ resources: [orm] });
    onTestFinished(() => tenancy.close());
    await tenancy.tenants.create({ id: 'acme' });
    const inAcme = <R>(work: () => R) => tenancy.run('acme', work);
    return { orm, inAcme };
  }

  // As a body of JSON may have them.
  test.each([[['a', 2]], [{ title: 'a' }], [true]])(
    'that is %j is refused, and moves no other to its place',
    async (title) => {
      const { orm, inAcme } = await open();
      await inAcme(async () => {
        await orm.em.execute(`insert into project (name) values ('of another user')`);
        const insert = sql`insert into task (title, project_id) values (${title}, ${1})`;
        await expect(insert.execute(orm.em.getKysely())).rejects.toThrow('can only bind');
        await expect(orm.em.transactional((em) => insert.execute(em.getKysely()))).rejects.toThrow('can only bind');
        await expect(sql`select ${title}`.execute(orm.em.getKysely())).rejects.toThrow('can only bind');
        expect(await orm.em.count(Task)).toBe(0);
      });
    },
  );

  test('that is alone is bytes, null or a text', async () => {
    const { orm, inAcme } = await open();
    for (const [value, type] of [
      [Buffer.from('a'), 'blob'],
      [new Uint8Array(2), 'blob'],
      [null, 'null'],
      ['a', 'text'],
    ] as const) {
      const { rows } = await inAcme(() =>
        sql<{ type: string }>`select typeof(${value}) as type`.execute(orm.em.getKysely()),
      );
      expect(rows).toEqual([{ type }]);
    }
  });
});
