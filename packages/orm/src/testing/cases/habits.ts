import assert from 'node:assert/strict';
import { type EventSubscriber, RequestContext, wrap } from '@mikro-orm/core';
import { firstAuthor, type IsolationCases, own, refuses } from '../assertions.ts';
import { Author, Book, Tag } from '../library.ts';

/** What a user of MikroORM is used to. */
export const habitCases: IsolationCases = {
  'the habits of MikroORM hold in a scope': async ({ tenancy, orm, tenants }) => {
    const authors = orm.em.getRepository(Author);
    await Promise.all(
      tenants.map((tenant) =>
        tenancy.run(tenant, async () => {
          const [author] = await authors.findAll({ populate: ['books.tags'], where: { name: { $like: 'first%' } } });
          assert.ok(author);
          own(tenant, [author.name, ...author.books.getItems().map(({ title }) => title)], 2);
          own(
            tenant,
            author.books.getItems().flatMap((book) => book.tags.getItems().map(({ name }) => name)),
          );
          assert.equal(author, await orm.em.findOne(Author, author.id), 'one identity map for the scope');
          wrap(author).assign({ name: `renamed of ${tenant}` });
          const fork = orm.em.fork();
          own(tenant, [(await firstAuthor(fork)).name]);
          assert.notEqual(author, await fork.findOne(Author, author.id), 'a fork has an identity map of its own');
          await orm.em.flush();
          const book = orm.em.create(Book, { title: `new of ${tenant}`, author });
          await orm.em.flush();
          assert.equal(await orm.em.fork().count(Book, { title: `new of ${tenant}` }), 1);
          await orm.em.remove(book).flush();
          await orm.em.begin();
          await orm.em.nativeUpdate(Author, { id: author.id }, { name: `first of ${tenant}` });
          await orm.em.commit();
          own(tenant, [(await firstAuthor(orm.em.fork())).name]);
        }),
      ),
    );
  },

  "a RequestContext in a scope has an EntityManager of its own, which is the tenant's": async ({
    tenancy,
    orm,
    tenants,
  }) => {
    const [mine, other] = tenants as [string, string];
    await tenancy.run(mine, async () => {
      const author = await firstAuthor(orm.em);
      orm.em.create(Tag, { name: `unfinished of ${mine}` });
      await RequestContext.create(orm.em, async () => {
        own(mine, await orm.em.find(Author, {}), 2);
        assert.notEqual(await firstAuthor(orm.em), author, 'an identity map of its own');
        await orm.em.flush();
        assert.equal(await orm.em.count(Tag, { name: `unfinished of ${mine}` }), 0, 'nothing of the caller is written');
        await tenancy.run(other, async () => own(other, await orm.em.find(Author, {}), 2));
        await tenancy.run(mine, async () => assert.notEqual(await firstAuthor(orm.em), author));
        await orm.em.transactional(async () => own(mine, await orm.em.find(Author, {}), 2));
      });
      assert.equal(await firstAuthor(orm.em), author);
      orm.em.clear();
    });
  },

  'a subscriber that is registered in a tenant is refused, as it would be handed the entities of all': async ({
    tenancy,
    orm,
    tenants,
  }) => {
    const [mine, other] = tenants as [string, string];
    const heard: string[] = [];
    const subscriber: EventSubscriber<Tag> = {
      getSubscribedEntities: () => [Tag],
      afterCreate: async ({ entity }) => void heard.push(entity.name),
    };
    const makeTag = async (em: typeof orm.em, tenant: string) => {
      const tag = em.create(Tag, { name: `heard of ${tenant}` });
      await em.flush();
      await em.remove(tag).flush();
    };
    await tenancy.run(mine, async () => {
      await refuses('CROSS_TENANT', () => orm.em.getEventManager().registerSubscriber(subscriber));
      await refuses('CROSS_TENANT', () => orm.em.fork().getEventManager().registerSubscriber(subscriber));
      const fork = orm.em.fork({ cloneEventManager: true });
      fork.getEventManager().registerSubscriber(subscriber);
      await makeTag(fork, mine);
      await makeTag(orm.em, mine);
    });
    await tenancy.run(other, () => makeTag(orm.em, other));
    assert.deepEqual(heard, [`heard of ${mine}`]);
  },
};
