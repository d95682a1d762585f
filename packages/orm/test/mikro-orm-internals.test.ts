import { inspect } from 'node:util';
import { EntityManager, helper, MikroORM, TransactionContext } from '@mikro-orm/core';
import { Migrator } from '@mikro-orm/migrations';
import { defineConfig, PostgreSqlConnection, SqlEntityManager } from '@mikro-orm/postgresql';
import { AbstractSqlDriver } from '@mikro-orm/sql';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { entityScopes } from '../src/entities/entity-scope.ts';
import { initBaseOrm } from '../src/mikro-orm/base-orm.ts';
import { scopedDrivers } from '../src/mikro-orm/scoped-drivers.ts';
import { pinnedPool } from '../src/session/pinned-pool.ts';
import { Author, libraryEntities } from '../src/testing/library.ts';

// What is leaned on here is MikroORM's own business. Each test says what breaks when a new version changes it.

const noPool = pinnedPool({ options: {}, connect: () => Promise.reject(), end: async () => {} }, []);

function base() {
  return initBaseOrm(defineConfig({ dbName: 'none', entities: libraryEntities }), () => undefined);
}

test('a driver derived by its prototype is enough for an EntityManager: it has no private fields of its own', async () => {
  const orm = await base();
  const scoped = scopedDrivers(orm, entityScopes(orm.getMetadata(), new Set()));
  const driver = scoped('tenant', { scopeKey: 'a@1', scopeLabel: 'a' }, noPool);
  const em = orm.em.forkFor(driver);
  expect(em.getDriver()).toBe(driver);
  expect(em.fork().getDriver()).toBe(driver);
  expect(em.create(Author, { name: 'x' }, { persist: false })).toBeInstanceOf(Author);
  expect(driver.getConnection()).toBeInstanceOf(PostgreSqlConnection);
  expect(driver.getConnection()).not.toBe(orm.driver.getConnection());
});

test('an EntityManager is printed without a scope', async () => {
  const orm = await base();
  const scoped = scopedDrivers(orm, entityScopes(orm.getMetadata(), new Set()));
  expect(inspect(orm.em)).toBe('[EntityManager of the current scope]');
  expect(inspect(orm.em.forkFor(scoped('tenant', { scopeKey: 'a@1', scopeLabel: 'a' }, noPool)))).toBe(
    '[EntityManager of "a"]',
  );
});

test('the base driver is asked for the schema of each entity, and for each query builder', () => {
  for (const name of ['getSchemaName', 'createQueryBuilder', 'convertException'] as const) {
    expect(AbstractSqlDriver.prototype[name]).toBeInstanceOf(Function);
  }
});

test('a connection takes a dialect from a function, and hands out the pool that it makes', () => {
  let asked = 0;
  const orm = new MikroORM(
    defineConfig({
      dbName: 'none',
      entities: libraryEntities,
      driverOptions: { onPoolCreated: () => (asked += 1) },
    }),
  );
  orm.driver.getConnection();
  (orm.driver.getConnection() as PostgreSqlConnection).getClient();
  expect(asked).toBe(1);
});

test('the guarded calls are those of the EntityManager, and forks pass their entities through the identity map', async () => {
  const orm = await base();
  for (const name of ['persist', 'remove', 'merge', 'assign', 'create', 'getReference', 'stream'] as const) {
    expect(EntityManager.prototype[name] ?? SqlEntityManager.prototype[name]).toBeInstanceOf(Function);
  }
  const scoped = scopedDrivers(orm, entityScopes(orm.getMetadata(), new Set()));
  const pool = noPool;
  const em = orm.em.forkFor(scoped('tenant', { scopeKey: 'a@1', scopeLabel: 'a' }, pool));
  const other = orm.em.forkFor(scoped('tenant', { scopeKey: 'b@1', scopeLabel: 'b' }, pool));
  const author = em.merge(Author, { id: 1, name: 'x' });
  expect(helper(author).__em).toBe(em);
  expect(() => other.getUnitOfWork(false).getIdentityMap().store(author)).toThrow(/belongs to "a"/);
});

test('an open transaction is found by the name of its EntityManager, so ours is named apart', async () => {
  const [one, two] = [await base(), await base()];
  expect(one.em.name).not.toBe(two.em.name);
  expect(one.em.name).not.toBe('default');
  expect(TransactionContext.currentTransactionContext()).toBeUndefined();
});

test('the migrator has the seams that a pinned run needs', () => {
  for (const name of ['createRunner', 'init', 'getPending', 'up'] as const) {
    expect((Migrator.prototype as unknown as Record<string, unknown>)[name]).toBeInstanceOf(Function);
  }
});

test('a client of pg can be told to send a query while others are not answered, and not to', () => {
  const client = new Client({ host: 'nowhere' });
  expect(client).toMatchObject({ pipeline: false, processID: null });
});

test('a connection prepares, logs and turns into results what is sent past Kysely', () => {
  for (const name of ['prepareQuery', 'getSql', 'transformRawResult', 'executeQuery'] as const) {
    expect((PostgreSqlConnection.prototype as unknown as Record<string, unknown>)[name]).toBeInstanceOf(Function);
  }
});
