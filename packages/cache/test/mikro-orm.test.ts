import { type CacheAdapter, defineEntity, p } from '@mikro-orm/core';
import { Migration } from '@mikro-orm/migrations';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy } from '@omnitenant/core';
import { createOrm } from '@omnitenant/orm';
import { obtainable, type TestDatabase, type TestRedis, testDatabase, testRedis } from '@omnitenant/tooling';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCache } from '../src/cache.ts';
import { resultCacheIn } from '../src/mikro-orm.ts';

const Note = defineEntity({
  name: 'Note',
  properties: {
    id: p.integer().primary(),
    text: p.string(),
    at: p.datetime(),
    data: p.blob(),
  },
});

class CreateNote extends Migration {
  override up() {
    this.addSql(
      'create table note (id int primary key, text text not null, at timestamptz not null, data bytea not null)',
    );
  }
}

function row(text: string) {
  return { id: 1, text, at: new Date(0), data: Buffer.from('é') };
}

const kinds = (await obtainable('redis-server')) ? ['memory', 'Redis'] : ['memory'];

describe.each(kinds)("MikroORM's result cache, kept in %s", (kind) => {
  let redis: TestRedis | undefined;
  let database: TestDatabase;
  beforeAll(async () => {
    if (kind === 'Redis') redis = await testRedis();
    database = await testDatabase();
  });
  afterAll(async () => {
    await redis?.drop();
    await database.drop();
  });

  /** Calls `check` with an application whose tenants have one row each. */
  async function application(check: (app: Awaited<ReturnType<typeof start>>) => Promise<void>): Promise<void> {
    const app = await start();
    try {
      await check(app);
    } finally {
      for (const id of ['acme', 'beta']) await app.tenancy.tenants.remove(id);
      await app.tenancy.close();
    }
  }

  async function start() {
    const cache = createCache(redis === undefined ? {} : { redis: redis.url, prefix: redis.prefix });
    const resultCache = { adapter: resultCacheIn(cache), expiration: 60_000 };
    const orm = await createOrm(
      defineConfig({
        clientUrl: database.url,
        entities: [Note],
        migrations: { migrationsList: [CreateNote] },
        resultCache,
      }),
    );
    const tenancy = createTenancy({ resources: [orm, cache] });
    await tenancy.migrateCentral();
    for (const id of ['acme', 'beta']) {
      await tenancy.tenants.create({ id });
      await tenancy.run(id, () => orm.em.insert(Note, row(`of ${id}`)));
    }
    return { cache, orm, tenancy };
  }

  test.each([
    ['named', ['notes', 60_000] as [string, number]],
    ['unnamed', 60_000],
    ['of the usual time to live', true],
  ])('gives each tenant its own results, %s', (_, cached) =>
    application(async ({ orm, tenancy }) => {
      const read = (id: string) => tenancy.run(id, () => orm.em.findOneOrFail(Note, 1, { cache: cached }));
      for (const id of ['acme', 'beta']) expect(await read(id)).toMatchObject(row(`of ${id}`));
      for (const id of ['acme', 'beta']) await tenancy.run(id, () => orm.em.nativeUpdate(Note, 1, { text: 'changed' }));
      for (const id of ['acme', 'beta']) {
        const note = await read(id);
        expect(note.text).toBe(`of ${id}`);
        expect(note.at).toEqual(new Date(0));
        expect(Buffer.from(note.data).toString()).toBe('é');
      }
    }),
  );

  test('is forgotten by name, and whole, in one tenant only', () =>
    application(async ({ cache, orm, tenancy }) => {
      const adapter = orm.em.config.getResultCacheAdapter() as CacheAdapter;
      const count = (id: string) => tenancy.run(id, () => orm.em.count(Note, {}, { cache: ['count', 60_000] }));
      const add = (id: string, note: number) =>
        tenancy.run(id, () => orm.em.insert(Note, { ...row('more'), id: note }));
      await tenancy.run('acme', () => cache.set('kept', 1));
      for (const id of ['acme', 'beta'])
        expect([await count(id), await add(id, 2), await count(id)]).toEqual([1, 2, 1]);
      await tenancy.run('acme', () => orm.em.clearCache('count'));
      expect([await count('acme'), await count('beta')]).toEqual([2, 1]);
      await add('acme', 3);
      await tenancy.run('acme', () => adapter.clear());
      expect([await count('acme'), await count('beta')]).toEqual([3, 1]);
      expect(await tenancy.run('acme', () => cache.get('kept'))).toBe(1);
    }));
});
