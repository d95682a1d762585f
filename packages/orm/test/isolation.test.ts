import { defineConfig as definePglite } from '@mikro-orm/pglite';
import { defineConfig } from '@mikro-orm/postgresql';
import { plainDatabase, type TestDatabase } from '@omnitenant/tooling';
import { afterAll, describe, test } from 'vitest';
import type { RowLogin } from '../src/placement/row-login.ts';
import { isolationSuite } from '../src/testing/index.ts';
import { generateCredentialsKey } from '../src/vault/keys.ts';

const sharedKeys = {
  test: 'the same primary key in two tenants is never taken for the same row',
  reason: 'generated keys are unique in shared tables, so two tenants never have the same',
};

/** The first case of a suite makes its tenants too, and PGlite begins by making its database. */
const patiently = Object.assign((name: string, run: () => Promise<void>) => test(name, run, 120_000), {
  skip: test.skip,
});

describe.each<[name: string, isolations: string[], roles: boolean, rows?: RowLogin | undefined, movedTo?: string[]]>([
  ['schema', ['schema'], false],
  ['database', ['database'], false],
  ['row', ['row'], false],
  ['row, with a login of its own', ['row'], false, { password: 'tenants', keys: generateCredentialsKey() }],
  ['several isolations in one application', ['schema', 'database', 'row'], false],
  ['several isolations with a role for each tenant', ['schema', 'database', 'row'], true],
  ['tenants that were moved', ['schema', 'database', 'row'], true, undefined, ['database', 'schema', 'schema']],
])('%s, on PostgreSQL', (_, isolations, roles, rows, movedTo) => {
  let database: TestDatabase | undefined;
  isolationSuite({
    test: patiently,
    after: (close) =>
      afterAll(async () => {
        await close();
        await database?.drop();
      }),
    config: async () => {
      database = await plainDatabase();
      return defineConfig({ clientUrl: database.url });
    },
    orm: {
      roles,
      rows,
      names: { database: (id) => `${database?.name}_${id}`, role: (id) => `${database?.name}_${id}` },
    },
    isolations,
    movedTo,
    skip: isolations.includes('row') ? [sharedKeys] : [],
  });
});

describe.each([['schema'], ['row']])('%s, on PGlite', (isolation) => {
  isolationSuite({
    test: patiently,
    after: afterAll,
    config: definePglite({ dbName: 'memory://' }),
    isolations: [isolation],
    skip: [
      ...(isolation === 'row' ? [sharedKeys] : []),
      { test: 'streams stay in the tenant and give their connection back', reason: 'PGlite has no cursors' },
      {
        test: "another tenant's transaction is never picked up",
        reason: 'PGlite is one connection, so one transaction',
      },
    ],
  });
});
