import assert from 'node:assert/strict';
import { LockMode, raw, ref, wrap } from '@mikro-orm/core';
import { firstAuthor, firstBook, type IsolationCases, own, ownOrEnded, refuses } from '../assertions.ts';
import { Author, Book, Tag } from '../library.ts';

/** Entities, and what one scope made, in another scope. */
export const ownershipCases: IsolationCases = {
  "entities remember their tenant: none of another's is written, read through, locked or referred to": async (
    library,
  ) => {
    const { tenancy, orm, tenants } = library;
    const [mine, other] = tenants as [string, string];
    const foreign = await tenancy.run(mine, async () => ({
      author: await firstAuthor(orm.em),
      book: await firstBook(orm.em),
      reference: orm.em.getReference(Author, 2),
      created: orm.em.create(Author, { name: `new of ${mine}` }),
      unsaved: orm.em.create(Author, { id: 77_000, name: `unsaved of ${mine}` }, { persist: false }),
      detached: await firstAuthor(orm.em.fork()),
      tag: await orm.em.findOneOrFail(Tag, { name: { $like: 'tag of%' } }),
    }));
    const { author, book, reference, created, unsaved, detached, tag } = foreign;
    await tenancy.run(other, async () => {
      const { em } = orm;
      const refused = (attempt: () => unknown) => refuses('CROSS_TENANT', attempt);
      for (const entity of [author, reference, created, unsaved, detached, ref(author)]) {
        await refused(() => em.persist(entity).flush());
        await refused(() => em.remove(entity).flush());
      }
      await refused(() => em.persist([author]));
      await refused(() => em.merge(author));
      await refused(() => em.merge(Author, author));
      await refused(() => em.assign(author, { name: 'x' }));
      await refused(() => em.refresh(author));
      await refused(() => em.populate(author, ['books']));
      await refused(() => em.populate([author], ['books']));
      await refused(() => em.transactional((transaction) => transaction.lock(author, LockMode.PESSIMISTIC_WRITE)));
      await refused(() => em.find(Book, { author }));
      await refused(() => em.find(Book, { $or: [{ author: { $in: [author] } }] }));
      await refused(() => em.count(Book, { author }));
      await refused(() => em.insert(Book, { title: 'x', author }));
      await refused(() => em.insertMany(Book, [{ title: 'x', author }]));
      await refused(() => em.nativeUpdate(Book, {}, { author }));
      await refused(() => em.nativeDelete(Book, { author }));
      await refused(() => em.upsert(Book, { id: 1, title: 'x', author }));
      await refused(() => em.create(Book, { title: 'x', author }));
      await refused(() => em.create(Book, { title: 'x', author: ref(author) }));
      await refused(() => wrap(author).init());
      await refused(() => wrap(author).populate(['books']));
      await refused(() => author.books.loadItems());
      await refused(() => author.books.matching({}));
      await refused(() => wrap(reference).init());
      await refused(() => em.getRepository(Book).find({ author }));

      const fork = em.fork();
      const ours = await firstBook(fork);
      ours.author = ref(author);
      await refused(() => fork.flush());
      const second = em.fork();
      (await firstBook(second)).tags.add(tag);
      await refused(() => second.flush());
      const third = em.fork();
      third.create(Book, { title: 'x', author: await firstAuthor(third) }).author = book.author;
      await refused(() => third.flush());
    });
    for (const tenant of [mine, other]) {
      await tenancy.run(tenant, async () => {
        own(tenant, await orm.em.find(Author, {}), 2);
        own(tenant, await orm.em.find(Book, {}), 2);
        assert.equal(await orm.em.count(Book), 2);
        assert.equal(await orm.em.count(Author, { id: 77_000 }), 0);
        const first = await orm.em.populate(await firstBook(orm.em), ['author', 'tags']);
        own(tenant, [first.author.$.name, ...first.tags.getItems()], 2);
      });
    }
  },

  "another's entity is no condition and no data, however it is handed over": async ({ tenancy, orm, tenants }) => {
    const [mine, other] = tenants as [string, string];
    const { author, part } = await tenancy.run(mine, async () => {
      const book = orm.em.create(
        Book,
        { title: `unsaved of ${mine}`, author: await firstAuthor(orm.em), tags: [{ name: `unsaved of ${mine}` }] },
        { persist: false },
      );
      return { author: await firstAuthor(orm.em), part: book.tags[0] as Tag };
    });
    class NewBook {
      title = 'x';
      author = author;
    }
    await tenancy.run(other, async () => {
      const { em } = orm;
      const refused = (attempt: () => unknown) => refuses('CROSS_TENANT', attempt);
      const books = () => em.createQueryBuilder(Book, 'b');
      await refused(() => books().where({ author }).getResult());
      await refused(() =>
        books()
          .where({ $or: [{ author: ref(author) }] })
          .getResult(),
      );
      await refused(() =>
        books()
          .andWhere({ author: { $in: [author] } })
          .getResult(),
      );
      await refused(() =>
        books()
          .leftJoin('b.author' as never, 'a', { id: author } as never)
          .getResult(),
      );
      await refused(() => books().insert({ title: 'x', author }).execute());
      await refused(() => books().update({ author }).execute());
      await refused(() => em.getRepository(Book).createQueryBuilder().where({ author }).getResult());
      await refused(() => em.insert(Book, new NewBook()));
      await refused(() => em.nativeUpdate(Book, {}, new NewBook()));
      await refused(() => em.find(Book, { [raw('author_id')]: author }));
      await refused(() => em.fork().setFilterParams('by', { author }));
      await refused(() => em.persist(part).flush());
    });
    await tenancy.run(other, async () => {
      own(other, await orm.em.find(Book, {}), 2);
      assert.equal(await orm.em.count(Tag, { name: `unsaved of ${mine}` }), 0);
    });
  },

  "what one scope made is refused in another tenant's, and works where there is no tenant": async (library) => {
    const { tenancy, orm, tenants } = library;
    const [mine, other] = tenants as [string, string];
    const made = await tenancy.run(mine, async () => ({
      carried: orm.em.fork(),
      author: await firstAuthor(orm.em),
      builder: orm.em.createQueryBuilder(Author, 'a').select('*'),
      cached: orm.em.createQueryBuilder(Author, 'a').select('*').cache(['built', 60_000]),
      kysely: orm.em.getKysely<{ author: { name: string } }>(),
      query: orm.em.getKysely<{ author: { name: string } }>().selectFrom('author').select('name'),
      connection: orm.em.getConnection(),
      driver: orm.em.getDriver(),
      found: { later: orm.em.fork().find(Author, {}) },
      streams: [orm.em.stream(Author), orm.em.fork().stream(Author)],
    }));
    const { carried, author } = made;
    made.found.later.catch(() => {});
    await tenancy.run(other, async () => {
      const refused = (attempt: () => unknown) => refuses('CROSS_TENANT', attempt);
      await refused(() => carried.find(Author, {}));
      await refused(() => carried.execute('select 1'));
      await refused(() => carried.transactional(async () => {}));
      await refused(() => carried.getConnection().execute('select 1'));
      await refused(() => carried.getDriver().find(Author, {} as never));
      await refused(() => made.builder.getResult());
      await refused(() => made.cached.execute());
      own(other, await orm.em.createQueryBuilder(Author, 'a').select('*').cache(['built', 60_000]).execute(), 2);
      for (const stream of made.streams) await refused(() => stream.next());
      await refused(() => made.query.execute());
      await refused(() => made.kysely.selectFrom('author').select('name').execute());
      await refused(() =>
        made.kysely
          .insertInto('author')
          .values({ name: `written by ${other}` })
          .execute(),
      );
      await refused(() => made.kysely.transaction().execute(async () => {}));
      await refused(() => made.connection.execute('select name from author'));
      await refused(() => made.connection.begin());
      await refused(() => made.driver.find(Author, {} as never));
      await refused(() => made.driver.execute('select name from author'));
      await refused(() => made.driver.createQueryBuilder(Author).execute());
      await ownOrEnded(library, mine, () => made.found.later, 2);
      own(other, await orm.em.find(Author, {}), 2);
      await orm.em.clearCache('built');
    });
    await tenancy.central(() => ownOrEnded(library, mine, () => carried.find(Author, {}), 2));
    await ownOrEnded(library, mine, () => made.query.execute(), 2);
    await ownOrEnded(library, mine, () => carried.find(Author, {}), 2);
    await ownOrEnded(library, mine, () => made.builder.getResult(), 2);
    await ownOrEnded(library, mine, () => author.books.loadItems());
  },

  "another's transaction is no option": async ({ tenancy, orm, tenants }) => {
    const [mine, other] = tenants as [string, string];
    await tenancy.run(mine, () =>
      orm.em.transactional(async (em) => {
        const ctx = em.getTransactionContext();
        const kysely = em.getKysely<{ author: { name: string } }>();
        await tenancy.run(other, async () => {
          await refuses('CROSS_TENANT', () => orm.em.find(Author, {}, { ctx }));
          await refuses('CROSS_TENANT', () => orm.em.insert(Tag, { name: 'x' }, { ctx }));
          await refuses('CROSS_TENANT', () => orm.em.fork().setTransactionContext(ctx));
          await refuses('CROSS_TENANT', () => orm.em.transactional(async () => {}, { ctx }));
          await refuses('CROSS_TENANT', () => orm.em.fork().begin({ ctx }));
          await refuses('CROSS_TENANT', () => orm.em.getConnection().execute('select 1', [], 'all', ctx));
          await refuses('CROSS_TENANT', () => kysely.selectFrom('author').select('name').execute());
        });
        own(mine, await orm.em.find(Author, {}, { ctx }), 2);
      }),
    );
  },
};
