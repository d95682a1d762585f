import assert from 'node:assert/strict';
import { type IsolationCases, own, refuses } from '../assertions.ts';
import { Author } from '../library.ts';

/** A tenant that goes. */
export const removalCases: IsolationCases = {
  'removing a tenant takes its rows and no others, and its successor starts empty': async ({
    tenancy,
    orm,
    tenants,
    create,
  }) => {
    const [other] = tenants as [string];
    const id = await create('short-lived');
    await tenancy.run(id, () => orm.em.fork().find(Author, {}, { cache: ['authors-of-short-lived', 60_000] }));
    await tenancy.tenants.remove(id);
    await refuses('TENANT_UNKNOWN', () => tenancy.run(id, () => orm.em.find(Author, {})));
    await tenancy.run(other, async () => own(other, await orm.em.find(Author, {}), 2));
    await tenancy.tenants.create({ id });
    await tenancy.run(id, async () => {
      assert.equal(await orm.em.count(Author), 0);
      assert.equal((await orm.em.fork().find(Author, {}, { cache: ['authors-of-short-lived', 60_000] })).length, 0);
    });
    await tenancy.tenants.remove(id);
  },

  'what outlives its tenant’s removal writes nothing, and the successor starts empty': async ({
    tenancy,
    orm,
    create,
  }) => {
    const id = await create('outlived');
    const { promise: removed, resolve: go } = Promise.withResolvers<void>();
    const late = tenancy.run(id, async () => {
      await removed;
      await assert.rejects(() => orm.em.fork().insert(Author, { name: 'written late' }));
      await assert.rejects(() => orm.em.fork().transactional((em) => em.insert(Author, { name: 'written late' })));
    });
    await tenancy.tenants.remove(id);
    await tenancy.tenants.create({ id });
    go();
    await late;
    await tenancy.run(id, async () => assert.equal(await orm.em.count(Author), 0));
    await tenancy.tenants.remove(id);
  },
};
