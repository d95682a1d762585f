import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy } from '@omnitenant/core';
import { resource } from '@omnitenant/core/extend';
import { storeSuite } from '@omnitenant/core/testing';
import { type TestDatabase, testDatabase } from '@omnitenant/tooling';
import { afterAll, expect, test } from 'vitest';
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
