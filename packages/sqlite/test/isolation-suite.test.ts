import { isolationSuite } from '@omnitenant/orm/testing';
import { createSqlite } from '@omnitenant/sqlite';
import { afterAll, describe, test } from 'vitest';
import { sqlite } from './fixtures/dialect.ts';
import { drivers, temporaryFolder } from './fixtures/tasks.ts';

describe.each(Object.entries(drivers))('the isolation of files, on %s', (_, defineConfig) => {
  isolationSuite({
    test,
    after: afterAll,
    open: (library) =>
      createSqlite((defineConfig as typeof drivers.libsql)(library), { folder: temporaryFolder(afterAll) }),
    dialect: sqlite,
  });
});
