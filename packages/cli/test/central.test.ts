import { basename } from 'node:path';
import { testServer } from '@omnitenant/tooling';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Application, openApplication } from './fixtures/command.ts';

const config = `
  import { join } from 'node:path';
  import { defineConfig as defineMikroOrm } from '@mikro-orm/postgresql';
  import { defineConfig } from '@omnitenant/cli';
  import { createTenancy } from '@omnitenant/core';
  import { createOrm } from '@omnitenant/orm';

  const orm = await createOrm(
    defineMikroOrm({ clientUrl: process.env.DATABASE_URL, entities: [], migrations: { migrationsList: [] } }),
    { centralMigrations: { path: join(import.meta.dirname, 'central') } },
  );
  export default defineConfig({ tenancy: createTenancy({ resources: [orm] }), orm });
`;

let app: Application;
beforeAll(async () => {
  app = await openApplication({ files: { 'omnitenant.config.ts': config } });
});
afterAll(() => app[Symbol.asyncDispose]());

/** Writes a migration for central and returns its name. */
async function create(...args: string[]): Promise<string> {
  const { out } = await app.run('migration:create', '--central', '--json', ...args);
  return basename(JSON.parse(out).path, '.ts');
}
async function status() {
  return (await app.run('status', '--central')).err;
}

test('central’s own migrations are written, planned, applied, undone and marked as applied', async () => {
  const first = await create('first');
  const second = await create('second', '--blank');
  const plan = await app.run('plan', '--central');
  expect(plan.out).toMatch(
    new RegExp(`^${first}\\n[\\s\\S]*create table "central"."tenant"[\\s\\S]*^${second}\\n`, 'm'),
  );
  expect(JSON.parse((await app.run('plan', '--central', '--to', first, '--json')).out)).toMatchObject({
    migrations: [{ name: first, transactional: true }],
  });
  expect(await status()).toBe('central: 2 of 2 migrations pending\n');

  expect(await app.run('migrate', '--central', '--to', first)).toMatchObject({
    code: 0,
    err: `central is at ${first}\n`,
  });
  expect(await app.run('fake', '--central')).toMatchObject({ code: 0, out: `marked in central: ${second}\n` });
  expect(await app.run('plan', '--central')).toMatchObject({ code: 0, out: 'Nothing to do.\n' });
  expect(await app.run('fake', '--central', '--to', first, '--json')).toMatchObject({
    out: expect.stringContaining(second),
  });
  expect(await app.run('migrate', '--central')).toMatchObject({ code: 0, err: 'central is up to date\n' });
  expect(await app.run('create', 'acme')).toMatchObject({ code: 0 });
  expect(await app.run('rollback', '--central', '--yes')).toMatchObject({
    code: 0,
    out: `undone in central: ${second}\n`,
  });
  expect(await app.run('migrate', '--central', '--fake')).toMatchObject({
    code: 0,
    out: `marked in central: ${second}\n`,
  });
  expect(await status()).toBe('central: 0 of 2 migrations pending\n');
});

test.each([
  [['migrate', '--central', '--to', 'Nowhere'], 1, 'MIGRATION_UNKNOWN'],
  [['fake', '--central', '--to', 'Nowhere'], 1, 'MIGRATION_UNKNOWN'],
  [['migrate', '--central', '--all', '--to', 'Nowhere'], 2, '--central cannot be combined with tenants'],
  [['migrate', 'acme', '--central', '--fake'], 2, '--central cannot be combined with tenants'],
  [['fake', 'acme', '--central'], 2, '--central cannot be combined with tenants'],
  [['plan', 'acme', '--central'], 2, '--central cannot be combined with tenants'],
  [['status', 'acme', '--central'], 2, '--central cannot be combined with tenants'],
])('%j is refused, with what to do', async (args, code, why) => {
  expect(await app.run(...args)).toMatchObject({ code, out: '', err: expect.stringContaining(why) });
});

test('plan of an empty database says what is missing, and creates nothing', async () => {
  await using empty = await openApplication();
  const { code, out } = await empty.run('plan', '--central');
  expect({ code, out }).toEqual({ code: 0, out: 'The tables of central do not exist yet; they would be created.\n' });
  expect((await empty.run('status', '--central')).code).toBe(0);
  expect(await empty.run('list')).toMatchObject({ code: 1, err: expect.stringContaining('CENTRAL_INCOMPLETE') });
  const client = new pg.Client(new URL(`/${empty.database}`, testServer().url).href);
  await client.connect();
  const { rowCount } = await client.query("select from pg_namespace where nspname = 'central'");
  await client.end();
  expect(rowCount).toBe(0);
});
