import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy, type Tenancy } from '@omnitenant/core';
import { type TestDatabase, testDatabase } from '@omnitenant/tooling';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { generateCredentialsKey } from '../src/index.ts';
import { createOrm, type Orm } from '../src/orm.ts';
import { migration } from './fixtures/row-application.ts';

let database: TestDatabase;
let orm: Orm;
let tenancy: Tenancy;
beforeAll(async () => {
  database = await testDatabase();
  orm = await createOrm(defineConfig({ clientUrl: database.url, entities: [] }));
  tenancy = createTenancy({ resources: [orm] });
  await tenancy.migrateCentral();
  await tenancy.as({ actor: 'maria', reason: 'a new customer' }, () => tenancy.tenants.create({ id: 'acme' }));
});
afterAll(async () => {
  await tenancy.close();
  await database.drop();
});

test.each([
  `update central.omnitenant_audit set actor = 'noor'`,
  'delete from central.omnitenant_audit',
  'truncate central.omnitenant_audit',
])('the database refuses: %s', async (statement) => {
  const client = new Client({ connectionString: database.url });
  await client.connect();
  try {
    await expect(client.query(statement)).rejects.toThrow('The audit is append-only');
  } finally {
    await client.end();
  }
  const entries = await orm.store.audit?.page({ tenant: 'acme', order: 'oldest', limit: 10 });
  expect(entries?.map(({ actor, outcome }) => [actor, outcome])).toEqual([
    ['maria', 'began'],
    ['maria', 'done'],
  ]);
});

test('central is migrated again without touching the audit', async () => {
  await tenancy.migrateCentral();
  expect(await orm.store.audit?.page({ tenant: 'acme', order: 'oldest', limit: 10 })).toHaveLength(2);
});

test('a run over the fleet is recorded with its report, and one that finds nothing to do is not', async () => {
  const migrations = { migrationsList: [migration('CreateTask', 'create table task (id int)')] as never };
  const later = await createOrm(defineConfig({ clientUrl: database.url, entities: [], migrations }));
  await using maria = createTenancy({ resources: [later] });
  const up = () => maria.as({ actor: 'maria' }, () => later.migrations.up({ tenants: ['acme'] }));
  expect(await up()).toMatchObject({ migrated: 1 });
  expect(await up()).toMatchObject({ total: 0 });
  const [done, began] = (await orm.store.audit?.page({ order: 'newest', limit: 2 })) ?? [];
  expect(began).toMatchObject({
    verb: 'migrate-fleet',
    outcome: 'began',
    actor: 'maria',
    before: { tenants: ['acme'] },
  });
  expect(done).toMatchObject({
    verb: 'migrate-fleet',
    outcome: 'done',
    after: { migrated: 1, failed: [] },
    call: began?.call,
  });
});

test('of a tenant on a server of its own, the audit does not keep what the server is reached with', async () => {
  const url = 'postgres://owner:hunter2@nowhere.invalid/acme';
  const placement = { server: 'own', database: 'own', schema: 'public', url };
  await tenancy.tenants.create({ id: 'bloom', isolation: 'database', placement }).catch(() => {});
  const entries = await orm.store.audit?.page({ tenant: 'bloom', order: 'oldest', limit: 10 });
  expect(entries?.map(({ outcome }) => outcome)).toEqual(['began', 'failed']);
  expect(JSON.stringify(entries)).not.toMatch(/hunter2|nowhere\.invalid/);
});

test('what a verb was refused for is recorded with characters that PostgreSQL cannot keep', async () => {
  const run = orm.migrations.up({ tenants: ['a\0', '\ud800'] });
  await expect(run).rejects.toThrow();
  const [failed, began] = (await orm.store.audit?.page({ order: 'newest', limit: 2 })) ?? [];
  expect([began?.outcome, failed?.outcome]).toEqual(['began', 'failed']);
  expect(began?.before).toEqual({ tenants: ['a\uFFFD', '\uFFFD'] });
});

test('an operation ends whatever its error says', async () => {
  const draft = { id: 'operation-1', verb: 'create', actor: 'maria', digest: '', holder: 'here' };
  await orm.store.operations?.begin(draft, 30_000);
  const error = { code: 'TENANT_INVALID', message: 'The schema "a\0" is not valid.' };
  expect(await orm.store.operations?.end('operation-1', 'here', { status: 'failed', error })).toBe(true);
  expect((await orm.store.operations?.find('operation-1'))?.error?.message).toBe('The schema "a\uFFFD" is not valid.');
});

test('what is put right by a verification is recorded, and a verification that changes nothing is not', async () => {
  await tenancy.as({ actor: 'noor' }, () => orm.migrations.verify({ tenants: ['acme'] }));
  const before = await newest();
  expect(before?.verb).not.toBe('fix-fleet');
  await tenancy.as({ actor: 'noor' }, () => orm.migrations.verify({ tenants: ['acme'], fix: true }));
  expect(await newest()).toMatchObject({ verb: 'fix-fleet', actor: 'noor', outcome: 'done', after: { fixed: [] } });
});

test('who changes credentials, or is lent a login, is recorded, and neither the credentials nor the password', async () => {
  const credentials = 'env:ACME_URL';
  await expect(orm.credentials.replace('acme', credentials)).rejects.toMatchObject({ code: 'TENANT_INVALID' });
  expect(await newest()).toMatchObject({ verb: 'replace-credentials', tenant: 'acme', outcome: 'failed' });
  const sealing = await createOrm(defineConfig({ clientUrl: database.url, entities: [] }), {
    credentials: { keys: generateCredentialsKey() },
  });
  await using noor = createTenancy({ resources: [sealing] });
  expect(await noor.as({ actor: 'noor' }, () => sealing.credentials.rotate())).toMatchObject({ rotated: 0 });
  expect(await newest()).toMatchObject({
    verb: 'rotate-credentials',
    actor: 'noor',
    after: { rotated: 0, failed: [] },
  });
  await using login = await noor.as({ actor: 'noor' }, () => sealing.credentials.lend('acme', { readOnly: true }));
  expect(await newest()).toMatchObject({ verb: 'lend-login', tenant: 'acme', actor: 'noor', outcome: 'done' });
  const entries = JSON.stringify(await orm.store.audit?.page({ order: 'newest', limit: 10 }));
  for (const secret of [credentials, `${login.env['PGPASSWORD']}`]) expect(entries).not.toContain(secret);
});

async function newest() {
  const [entry] = (await orm.store.audit?.page({ order: 'newest', limit: 1 })) ?? [];
  return entry;
}
