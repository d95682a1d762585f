import { defineConfig } from '@mikro-orm/postgresql';
import { plainDatabase } from '@omnitenant/tooling';
import { expect, test } from 'vitest';
import { Author } from '../src/testing/library.ts';
import { runLibrary } from './fixtures/running-library.ts';

test('in a scope of another application each has its own tenant', async () => {
  const databases = await Promise.all([plainDatabase(), plainDatabase()]);
  const open = (n: 0 | 1, ids: string[]) =>
    runLibrary(
      defineConfig({ clientUrl: databases[n].url }),
      Object.fromEntries(ids.map((id) => [id, { isolation: 'schema' }])),
    );
  {
    await using shop = await open(0, ['a', 'b']);
    await using billing = await open(1, ['x']);
    await shop.tenancy.run('a', async () => {
      const [mine] = await shop.orm.em.findAll(Author);
      const em = shop.orm.em.fork();
      await billing.tenancy.run('x', async () => {
        expect(await shop.orm.em.find(Author, {})).toMatchObject([{ name: 'first of a' }]);
        expect(await em.find(Author, {})).toMatchObject([{ name: 'first of a' }]);
        expect(mine?.books.isInitialized()).toBe(false);
        expect(await mine?.books.loadItems()).toEqual([]);
        expect(await billing.orm.em.find(Author, {})).toMatchObject([{ name: 'first of x' }]);
        await shop.tenancy.run('b', async () => {
          await expect(em.find(Author, {})).rejects.toMatchObject({ code: 'CROSS_TENANT' });
          expect(await shop.orm.em.find(Author, {})).toMatchObject([{ name: 'first of b' }]);
          expect(await billing.orm.em.find(Author, {})).toMatchObject([{ name: 'first of x' }]);
        });
      });
    });
    const left = await shop.tenancy.run('a', () => shop.orm.em.fork());
    await billing.tenancy.run('x', () => expect(left.find(Author, {})).rejects.toMatchObject({ code: 'CROSS_TENANT' }));
  }
  for (const database of databases) await database.drop();
});
