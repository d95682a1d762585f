import { defineConfig } from '@mikro-orm/mariadb';
import { createMariadb } from '@omnitenant/mariadb';
import { isolationSuite } from '@omnitenant/orm/testing';
import { noMariadb } from '@omnitenant/tooling';
import { afterAll, describe, test } from 'vitest';
import { mariadb } from './fixtures/dialect.ts';
import { secret, tasksOnMariadb } from './fixtures/tasks.ts';

/** A hundred scopes take turns on a machine that may be busy. */
const patiently = Object.assign((name: string, run: () => Promise<void>) => test(name, run, 120_000), {
  skip: test.skip,
});

const missing = await noMariadb();

describe.skipIf(missing)(`on MariaDB ${missing ?? ''}`, async () => {
  if (missing) return;
  const { server } = await tasksOnMariadb();

  describe('the isolation of databases', () => {
    isolationSuite({
      test: patiently,
      after: afterAll,
      open: (library) =>
        createMariadb(defineConfig({ ...server(), ...library }), {
          logins: { secret },
          connections: { waitMs: 60_000 },
        }),
      dialect: mariadb,
    });
  });
});
