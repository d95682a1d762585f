import { defineConfig } from '@mikro-orm/postgresql';
import { resource } from '@omnitenant/core/extend';
import { storeSuite } from '@omnitenant/core/testing';
import { type TestDatabase, testDatabase } from '@omnitenant/tooling';
import { afterAll, test } from 'vitest';
import { createOrm, type Orm } from '../src/orm.ts';

let opened: { database: TestDatabase; orm: Orm } | undefined;

/** A store of its own for each case: central is made once, and emptied. */
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

storeSuite({ test, createStore });
