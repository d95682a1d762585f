import { defineConfig } from '@mikro-orm/postgresql';
import { testDatabase } from '@omnitenant/tooling';
import { expect, test, vi } from 'vitest';
import { FairServer } from '../src/connections/fair-server.ts';
import { limitsOf } from '../src/connections/limits.ts';
import { ownServerPools } from '../src/connections/own-server-pools.ts';
import { databaseOpener } from '../src/connections/pg.ts';
import { initBaseOrm } from '../src/mikro-orm/base-orm.ts';
import { libraryEntities } from '../src/testing/library.ts';

async function open(url: string, limits = {}) {
  const base = await initBaseOrm(defineConfig({ clientUrl: url, entities: libraryEntities }), () => undefined);
  return ownServerPools(
    (onEmpty) =>
      new FairServer(
        limitsOf(limits),
        ({ database, url: where = '' }) => databaseOpener(base, {}, { dbName: database }, async () => where),
        onEmpty,
      ),
  );
}

test('those with one reference share a budget, and what nobody uses is forgotten', async () => {
  await using database = await testDatabase();
  const own = await open(database.url, { idleMs: 20 });
  const place = { server: 'own', database: database.name, tenant: 'acme', url: database.url };
  const client = await own.of(place.url).connect(place);
  expect(own.of(place.url)).toBe(own.tryOf(place.url));
  client.release();
  await vi.waitFor(() => expect(own.tryOf(place.url)).toBeUndefined());
  (await own.of(place.url).connect(place)).release(true);
  await vi.waitFor(() => expect(own.tryOf(place.url)).toBeUndefined());
  await own.end();
});

test('one that cannot be reached, or that too many wait for, is forgotten too', async () => {
  const url = 'postgresql://nobody:none@127.0.0.1:1/none';
  const place = { server: 'own', database: 'none', tenant: 'acme', url };
  const down = await open(url);
  await expect(down.of(url).connect(place)).rejects.toMatchObject({ code: 'SERVER_UNAVAILABLE', tenant: 'acme' });
  await vi.waitFor(() => expect(down.tryOf(url)).toBeUndefined());
  const full = await open(url, { maxWaiting: 0 });
  await expect(full.of(url).connect(place)).rejects.toMatchObject({ code: 'CONNECTIONS_EXHAUSTED', tenant: 'acme' });
  expect(full.tryOf(url)).toBeUndefined();
  await Promise.all([down.end(), full.end()]);
});

test('after the end none is opened', async () => {
  const url = 'postgresql://nobody:none@127.0.0.1:1/none';
  const own = await open(url);
  await own.end();
  const place = { server: 'own', database: 'none', tenant: 'acme', url };
  await expect(own.of(url).connect(place)).rejects.toThrow(/its connections have been closed/);
  expect(own.tryOf(url)).toBeUndefined();
});
