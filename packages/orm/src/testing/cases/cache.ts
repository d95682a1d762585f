import assert from 'node:assert/strict';
import { type IsolationCases, own, refuses } from '../assertions.ts';
import { Author } from '../library.ts';

/** The result cache. */
export const cacheCases: IsolationCases = {
  'the result cache is one for each tenant, named keys and their clearing included': async ({
    tenancy,
    orm,
    tenants,
  }) => {
    const ask = (tenant: string) =>
      tenancy.run(tenant, async () => {
        own(tenant, await orm.em.fork().find(Author, {}, { cache: 60_000 }), 2);
        own(tenant, await orm.em.fork().find(Author, {}, { cache: ['authors', 60_000] }), 2);
      });
    for (const tenant of tenants) await ask(tenant);
    for (const tenant of tenants) await ask(tenant);
    const [mine, other] = tenants as [string, string];
    const isCached = (tenant: string) =>
      tenancy.run(tenant, async () => {
        await orm.em.nativeUpdate(Author, { name: `second of ${tenant}` }, { name: `changed of ${tenant}` });
        const [author] = await orm.em.fork().find(Author, {}, { cache: ['authors', 60_000], orderBy: { id: 'desc' } });
        await orm.em.nativeUpdate(Author, { name: `changed of ${tenant}` }, { name: `second of ${tenant}` });
        return author?.name !== `changed of ${tenant}`;
      });
    await tenancy.run(mine, () => orm.em.clearCache('authors'));
    assert.deepEqual([await isCached(mine), await isCached(other)], [false, true]);
    for (const tenant of tenants) await tenancy.run(tenant, () => orm.em.clearCache('authors'));
  },

  'an entity that comes from the cache is its tenant’s: it is changed there, and refused elsewhere': async (
    library,
  ) => {
    const { tenancy, orm, tenants } = library;
    const [mine, other] = tenants as [string, string];
    const cached = () => orm.em.fork().find(Author, {}, { cache: ['restored', 60_000], orderBy: { id: 'asc' } });
    for (const tenant of tenants) await tenancy.run(tenant, cached);
    for (const tenant of tenants) {
      await tenancy.run(tenant, async () => {
        const em = orm.em.fork();
        const [author] = await em.find(Author, {}, { cache: ['restored', 60_000], orderBy: { id: 'asc' } });
        assert.ok(author);
        author.name = `restored of ${tenant}`;
        await em.flush();
        own(tenant, await orm.em.fork().find(Author, {}), 2);
        assert.equal(await orm.em.nativeUpdate(Author, { name: author.name }, { name: `first of ${tenant}` }), 1);
      });
    }
    const [foreign] = await tenancy.run(mine, cached);
    await tenancy.run(other, async () => {
      await refuses('CROSS_TENANT', () => orm.em.persist(foreign as Author).flush());
      own(other, await cached(), 2);
    });
    for (const tenant of tenants) await tenancy.run(tenant, () => orm.em.clearCache('restored'));
  },
};
