import assert from 'node:assert/strict';
import { type IsolationCases, own, yieldToOthers } from '../assertions.ts';
import { Author, Country } from '../library.ts';

/** The same keys in several tenants. */
export const keyCases: IsolationCases = {
  'the same primary key in two tenants is never taken for the same row': async ({ tenancy, orm, tenants }) => {
    const [mine, other] = tenants as [string, string];
    const id = 5_000;
    for (const tenant of [mine, other]) {
      await tenancy.run(tenant, () => orm.em.insert(Author, { id, name: `same key of ${tenant}` }));
    }
    await Promise.all(
      [mine, other, mine, other].map((tenant) =>
        tenancy.run(tenant, async () => {
          const author = await orm.em.findOneOrFail(Author, id, { cache: 60_000 });
          own(tenant, [author, await orm.em.findOneOrFail(Author, id)]);
          await yieldToOthers();
          author.name = `changed key of ${tenant}`;
          await orm.em.flush();
          own(tenant, [await orm.em.fork().findOneOrFail(Author, id)]);
        }),
      ),
    );
    await tenancy.run(mine, () => orm.em.nativeDelete(Author, { id }));
    await tenancy.run(other, async () => {
      own(other, [await orm.em.findOneOrFail(Author, id)]);
      await orm.em.nativeDelete(Author, { id });
    });
  },

  "the same natural key is each tenant's own, and an upsert finds it": async ({ tenancy, orm, tenants }) => {
    await Promise.all(
      tenants.map((tenant) =>
        tenancy.run(tenant, async () => {
          await orm.em.upsert(Country, { code: 'pt', name: `Portugal of ${tenant}` });
          await orm.em.upsert(Country, { code: 'pt', name: `once more Portugal of ${tenant}` });
          await orm.em.upsertMany(Country, [{ code: 'nl', name: `Nederland of ${tenant}` }]);
          own(tenant, await orm.em.fork().find(Country, {}), 2);
          assert.equal(await orm.em.nativeDelete(Country, { code: 'pt' }), 1);
        }),
      ),
    );
  },
};
