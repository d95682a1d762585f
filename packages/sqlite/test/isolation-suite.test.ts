import { isolationSuite } from '@omnitenant/orm/testing';
import { createSqlite } from '@omnitenant/sqlite';
import { afterAll, describe, test } from 'vitest';
import { sqlite } from './fixtures/dialect.ts';
import { drivers, temporaryFolder } from './fixtures/tasks.ts';

/** A hundred scopes take turns on a machine that may be busy. */
const patiently = Object.assign((name: string, run: () => Promise<void>) => test(name, run, 120_000), {
  skip: test.skip,
});

describe.each(Object.entries(drivers))('the isolation of files, on %s', (_, defineConfig) => {
  isolationSuite({
    test: patiently,
    after: afterAll,
    open: (library) =>
      createSqlite((defineConfig as typeof drivers.libsql)(library), {
        folder: temporaryFolder(afterAll),
        busyTimeoutMs: 60_000,
      }),
    dialect: sqlite,
  });
});
