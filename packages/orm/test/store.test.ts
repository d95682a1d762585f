import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy } from '@omnitenant/core';
import { resource } from '@omnitenant/core/extend';
import { storeSuite } from '@omnitenant/core/testing';
import { type TestDatabase, testDatabase } from '@omnitenant/tooling';
import { Client } from 'pg';
import { afterAll, expect, test, vi } from 'vitest';
import { createOrm, type Orm } from '../src/orm.ts';

let opened: { database: TestDatabase; orm: Orm } | undefined;

/** A store of its own for each case: central is created once, and emptied. */
async function createStore() {
  opened ??= await open();
  const { orm } = opened;
  for await (const { id } of orm.store.all()) await orm.store.delete(id);
  return orm.store;
}

async function open() {
  const database = await testDatabase();
  const orm = await createOrm(defineConfig({ clientUrl: database.url, entities: [] }));
  await orm[resource].migrateCentral?.();
  return { database, orm };
}

afterAll(async () => {
  await opened?.orm[resource].end?.();
  await opened?.database.drop();
});

storeSuite({
  test,
  createStore,
  changes: true,
  search: true,
  audit: true,
  operations: true,
  usage: true,
  redemptions: true,
  domainClaims: true,
  outbox: true,
});

test('an application without an identity map creates, suspends and removes tenants', async () => {
  await using database = await testDatabase();
  const orm = await createOrm(defineConfig({ clientUrl: database.url, entities: [], disableIdentityMap: true }));
  await using tenancy = createTenancy({ resources: [orm] });
  await tenancy.migrateCentral();
  await tenancy.tenants.create({ id: 'acme' });
  expect((await orm.store.find('acme'))?.status).toBe('active');
  expect(await tenancy.run('acme', ({ id }) => id)).toBe('acme');
  await tenancy.tenants.suspend('acme');
  await expect(tenancy.run('acme', () => undefined)).rejects.toMatchObject({ code: 'TENANT_SUSPENDED' });
  await tenancy.tenants.remove('acme');
  expect(await orm.store.find('acme')).toBeUndefined();
});

test('a tenant can be changed while a subscriber is forgotten', async () => {
  await using database = await testDatabase();
  const orm = await createOrm(defineConfig({ clientUrl: database.url, entities: [] }));
  await using tenancy = createTenancy({ resources: [orm] });
  await tenancy.migrateCentral();
  const { outbox } = orm.store;
  await outbox?.subscribe(['former', 'billing'].map((name) => ({ name, types: ['tenant.created'] })));
  const forgetting = new Client({ connectionString: database.url });
  await forgetting.connect();
  try {
    // What takes a while where many messages wait.
    await forgetting.query(`begin; delete from central.omnitenant_subscriber where name = 'former'`);
    const created = tenancy.tenants.create({ id: 'acme' });
    const waiting = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    await vi.waitFor(async () => expect((await forgetting.query(waiting)).rowCount).toBe(1));
    await forgetting.query('commit');
    expect((await created).status).toBe('active');
  } finally {
    await forgetting.end();
  }
  expect(await outbox?.due('billing', 10)).toMatchObject([{ type: 'tenant.created', tenant: 'acme' }]);
  expect((await outbox?.subscribers())?.map(({ name }) => name)).toEqual(['billing']);
});
