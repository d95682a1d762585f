import { memoryStore } from '@omnitenant/core';
import { resource } from '@omnitenant/core/extend';
import { resourceSuite, storeSuite } from '@omnitenant/core/testing';
import { noMariadb } from '@omnitenant/tooling';
import { afterAll, describe, test } from 'vitest';
import { openTasksOrm, Task, tasksOnMariadb } from './fixtures/tasks.ts';

const missing = await noMariadb();

describe.skipIf(missing)(`databases of MariaDB as a resource ${missing ?? ''}`, async () => {
  if (missing) return;
  const mariadb = await tasksOnMariadb();
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

describe.skipIf(missing)(`the store in MariaDB ${missing ?? ''}`, async () => {
  if (missing) return;
  const mariadb = await tasksOnMariadb();
  const opened: Awaited<ReturnType<typeof openTasksOrm>>[] = [];
  afterAll(async () => {
    for (const orm of opened) await orm[resource].end?.();
  });
  storeSuite({
    test,
    async createStore() {
      const orm = await openTasksOrm(mariadb.server());
      opened.push(orm);
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
