import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTenancy, memoryStore } from '@omnitenant/core';
import { resourceSuite } from '@omnitenant/core/testing';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { drivers, openTasksOrm, Task, temporaryFolder } from './fixtures/tasks.ts';

const root = mkdtempSync(join(tmpdir(), 'omnitenant-sqlite-resource-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe.each(Object.keys(drivers) as (keyof typeof drivers)[])('files of SQLite as a resource, by %s', (driver) => {
  let folders = 0;
  resourceSuite({
    test,
    async createResource() {
      folders += 1;
      const folder = join(root, driver, String(folders));
      // The suite's own store has the records.
      const orm = await openTasksOrm({ folder, store: memoryStore() }, undefined, driver);
      return {
        resource: orm,
        write: (em, name, value) => em.insert(Task, { title: `${name}=${value}` }),
        async read(em, name) {
          const [found] = await em.find(Task, { title: { $like: `${name}=%` } });
          return found?.title.slice(name.length + 1);
        },
        stored: () => readdirSync(folder).filter((name) => name.endsWith('.sqlite')),
      };
    },
  });

  test('a statement that would open another file is refused', async () => {
    const folder = temporaryFolder(onTestFinished);
    const orm = await openTasksOrm({ folder }, undefined, driver);
    const tenancy = createTenancy({ resources: [orm] });
    onTestFinished(() => tenancy.close());
    await tenancy.tenants.create({ id: 'acme' });
    const target = join(folder, 'stolen.sqlite');
    for (const sql of [`attach '${target}' as other`, `vacuum into '${target}'`, `;attach '${target}' as other`]) {
      await expect(tenancy.run('acme', () => orm.em.execute(sql))).rejects.toThrow();
      await expect(tenancy.run('acme', () => orm.em.transactional((em) => em.execute(sql)))).rejects.toThrow();
    }
    expect(existsSync(target)).toBe(false);
  });
});
