import assert from 'node:assert/strict';
import { sql, wrap } from '@mikro-orm/core';
import { failsAs, firstAuthor, type IsolationCases, own, refuses } from '../assertions.ts';
import { Author, Book, Country, Plan } from '../library.ts';

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
      await refuses('SCHEMA_REFUSED', () => orm.em.create(Author, { name: 'x' }, { schema: 'public' }));
      await refuses('SCHEMA_REFUSED', () => orm.em.getReference(Author, 1, { schema: 'public' }));
      await refuses('SCHEMA_REFUSED', () => orm.em.map(Author, { id: 1, name: 'x' }, { schema: 'public' }));
      await refuses('SCHEMA_REFUSED', () => orm.em.merge(Author, { id: 1, name: 'x' }, { schema: 'public' }));
      await refuses('SCHEMA_REFUSED', () => orm.em.insert(Author, { name: 'x' }, { schema: 'public' }));
      await refuses('SCHEMA_REFUSED', () => orm.em.upsert(Author, { id: 1, name: 'x' }, { schema: 'public' }));
      await refuses('SCHEMA_REFUSED', () => orm.em.nativeDelete(Author, {}, { schema: 'public' }));
      await refuses('SCHEMA_REFUSED', async () => {
        const em = orm.em.fork();
        const author = await firstAuthor(em);
        wrap(author).setSchema('public');
        author.name = 'x';
        await em.flush();
      });
    });
  },

  'a query builder leads to no other schema, cloned or not': async ({ tenancy, orm, tenants }) => {
    const [mine] = tenants as [string];
    await tenancy.run(mine, async () => {
      const books = () => orm.em.createQueryBuilder(Book, 'b');
      await refuses('SCHEMA_REFUSED', () => books().withSchema('public').getResult());
      await refuses('SCHEMA_REFUSED', () => books().clone().withSchema('public').getResult());
      await refuses('SCHEMA_REFUSED', () => books().update({ title: 'x' }).withSchema('public').execute());
      await refuses('SCHEMA_REFUSED', () => books().leftJoin('b.author', 'a', {}, 'public').getResult());
      await refuses('SCHEMA_REFUSED', () =>
        books().leftJoinAndSelect('b.author', 'a', {}, undefined, 'public').getResult(),
      );
      await refuses('SCHEMA_REFUSED', () => orm.em.getRepository(Book).qb('b').innerJoin('b.tags', 't', {}, 'public'));
      await refuses('SCHEMA_REFUSED', () => books().leftJoin(sql.ref('public.author'), 'a', {}).getResult());
      await refuses('SCHEMA_REFUSED', () => orm.em.createQueryBuilder(Book).from('public.book' as never));
      const ofDriver = () => orm.em.getDriver().createQueryBuilder(Book, undefined, 'write');
      await refuses('SCHEMA_REFUSED', () => ofDriver().withSchema('public').getResult());
      await refuses('SCHEMA_REFUSED', () => ofDriver().clone().update({ title: 'x' }).withSchema('public').execute());
      await refuses('SCHEMA_REFUSED', () => ofDriver().leftJoin('author', 'a', {}, 'public').getResult());
      own(mine, await orm.em.find(Book, {}), 2);
    });
  },

  'Kysely leads to no other schema': async ({ tenancy, orm, tenants, dialect }) => {
    const [mine] = tenants as [string];
    const refused = (attempt: () => unknown) => failsAs(dialect.otherSchema, attempt);
    await tenancy.run(mine, async () => {
      const kysely = orm.em.getKysely<{ author: { name: string }; 'public.author': { name: string } }>();
      await refused(() => kysely.withSchema('public').selectFrom('author').select('name').execute());
      await refused(() => kysely.selectFrom('public.author').select('name').execute());
      await refused(() =>
        kysely.transaction().execute((trx) => trx.withSchema('public').deleteFrom('author').execute()),
      );
      await refused(() =>
        orm.em.transactional((em) =>
          em.getKysely<{ author: { name: string } }>().withSchema('public').deleteFrom('author').execute(),
        ),
      );
      for (const schema of ['public', 'central']) {
        await refused(() => kysely.schema.createSchema(schema).execute());
        await refused(() => kysely.schema.dropSchema(schema).cascade().execute());
        await refused(() => kysely.schema.alterTable('author').setSchema(schema).execute());
        await refused(() => kysely.schema.dropTable(`${schema}.author`).execute());
      }
      own(mine, await kysely.selectFrom('author').select('author.name').execute(), 2);
    });
  },

  'a session context does not replace what leads a statement to its tenant': async ({ tenancy, orm, tenants }) => {
    const [mine] = tenants as [string];
    await tenancy.run(mine, async () => {
      for (const session of [{ variables: { search_path: 'public' } }, { variables: { ROLE: 'x' } }, { role: 'x' }]) {
        await refuses('SCHEMA_REFUSED', () => orm.em.fork().setSessionContext(session));
        await refuses('SCHEMA_REFUSED', () => orm.em.fork({ session }));
        await refuses('SCHEMA_REFUSED', () => orm.em.fork().begin({ sessionContext: session }));
        await refuses('SCHEMA_REFUSED', () => orm.em.transactional(async () => {}, { sessionContext: session }));
      }
    });
  },

  'central entities are central, tenant entities are the tenant, shared ones are in both': async ({
    tenancy,
    orm,
    tenants,
    dialect,
  }) => {
    const [mine] = tenants as [string];
    await tenancy.central(async () => {
      await orm.em.upsert(Plan, { id: 1, name: 'large' });
      await orm.em.upsert(Country, { code: 'xx', name: 'central only' });
      assert.equal(await orm.em.count(Plan), 1);
      const plan = await orm.em.findOneOrFail(Plan, 1);
      await orm.em.refresh(plan);
      assert.equal(await wrap(plan).init(), plan);
      assert.equal(await orm.em.count(Country), 1);
      await refuses('ENTITY_OUT_OF_SCOPE', () => orm.em.find(Author, {}));
      await refuses('ENTITY_OUT_OF_SCOPE', () => orm.em.create(Author, { name: 'nobody' }));
      await refuses('ENTITY_OUT_OF_SCOPE', () => orm.em.insert(Author, { name: 'nobody' }));
      await refuses('ENTITY_OUT_OF_SCOPE', () => orm.em.createQueryBuilder(Author).getResult());
      await assert.rejects(orm.em.execute('select * from author'), dialect.noTable);
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
      await assert.rejects(orm.em.execute('select * from plan'), dialect.noTable);
    });
  },
};
