import assert from 'node:assert/strict';
import { type IsolationCases, refuses } from '../assertions.ts';
import { Author, Country, Plan } from '../library.ts';

/** Which entities are here, and which schema. */
export const centralCases: IsolationCases = {
  'no option leads to another schema': async ({ tenancy, orm, tenants }) => {
    const [mine] = tenants as [string];
    await tenancy.run(mine, async () => {
      await refuses('SCHEMA_REFUSED', () => orm.em.find(Author, {}, { schema: 'public' }));
      await refuses('SCHEMA_REFUSED', () => orm.em.count(Author, {}, { schema: 'public' }));
      await refuses('SCHEMA_REFUSED', () => orm.em.fork({ schema: 'public' }));
      await refuses('SCHEMA_REFUSED', () => {
        (orm.em as { schema: unknown }).schema = 'public';
      });
    });
  },

  'central entities are central, tenant entities are the tenant, shared ones are in both': async ({
    tenancy,
    orm,
    tenants,
  }) => {
    const [mine] = tenants as [string];
    await tenancy.central(async () => {
      await orm.em.upsert(Plan, { id: 1, name: 'large' });
      await orm.em.upsert(Country, { code: 'xx', name: 'central only' });
      assert.equal(await orm.em.count(Plan), 1);
      assert.equal(await orm.em.count(Country), 1);
      await refuses('ENTITY_OUT_OF_SCOPE', () => orm.em.find(Author, {}));
      await refuses('ENTITY_OUT_OF_SCOPE', () => orm.em.create(Author, { name: 'nobody' }));
      await refuses('ENTITY_OUT_OF_SCOPE', () => orm.em.insert(Author, { name: 'nobody' }));
      await refuses('ENTITY_OUT_OF_SCOPE', () => orm.em.createQueryBuilder(Author).getResult());
      await assert.rejects(orm.em.execute('select * from author'), /does not exist/);
    });
    await tenancy.run(mine, async () => {
      assert.deepEqual(
        (await orm.em.find(Country, {})).map(({ name }) => name),
        [`Nederland of ${mine}`],
      );
      await refuses('ENTITY_OUT_OF_SCOPE', () => orm.em.find(Plan, {}));
      await refuses('ENTITY_OUT_OF_SCOPE', () => orm.em.create(Plan, { name: 'nobody' }));
      await refuses('ENTITY_OUT_OF_SCOPE', () => orm.em.nativeUpdate(Plan, {}, { name: 'nobody' }));
      await refuses('ENTITY_OUT_OF_SCOPE', () => orm.em.nativeDelete(Plan, {}));
      await refuses('ENTITY_OUT_OF_SCOPE', () => orm.em.insertMany(Plan, [{ name: 'nobody' }]));
      await refuses('ENTITY_OUT_OF_SCOPE', () => orm.em.upsert(Plan, { id: 1, name: 'nobody' }));
      await assert.rejects(orm.em.execute('select * from plan'), /does not exist/);
    });
  },
};
