import { memoryStore } from '@omnitenant/core';
import { resource } from '@omnitenant/core/extend';
import { resourceSuite, storeSuite } from '@omnitenant/core/testing';
import { noMariadb } from '@omnitenant/tooling';
import { afterAll, describe, test } from 'vitest';
import { openTasksOrm, Task, tasksOnMariadb } from './fixtures/tasks.ts';

const missing = await noMariadb();

describe.skipIf(missing)(`on MariaDB ${missing ?? ''}`, async () => {
  if (missing) return;
  const mariadb = await tasksOnMariadb();

  describe('a database for each tenant, as a resource', () => {
    resourceSuite({
      test,
      async createResource() {
        const server = mariadb.server();
        // The suite's own store has the records.
        const orm = await openTasksOrm(server, { store: memoryStore() });
        return {
          resource: orm,
          write: (em, name, value) => em.insert(Task, { title: `${name}=${value}` }),
          async read(em, name) {
            const [found] = await em.find(Task, { title: { $like: `${name}=%` } });
            return found?.title.slice(name.length + 1);
          },
          stored: () => mariadb.stored(server),
        };
      },
    });
  });

  describe('the store in the database of central', async () => {
    const server = mariadb.server();
    const orm = await openTasksOrm(server);
    afterAll(() => orm[resource].end?.());
    // To make the tables takes longer than each of the tests.
    const tables = ['domain', 'tenant', 'lease', 'audit', 'operation', 'tenant_usage', 'usage_batch', 'redemption'];
    storeSuite({
      test,
      async createStore() {
        await orm.store.find('nobody');
        await mariadb.query(`use \`${server.dbName}\``, ...tables.map((table) => `delete from ${table}`));
        return orm.store;
      },
      changes: true,
      search: true,
      audit: true,
      operations: true,
      usage: true,
      redemptions: true,
    });
  });
});
