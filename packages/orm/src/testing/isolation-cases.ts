import assert from 'node:assert/strict';
import { LockMode, RequestContext, ref, wrap } from '@mikro-orm/core';
import { firstAuthor, firstBook, type Library, own, refuses, yieldToOthers } from './assertions.ts';
import { Author, AuthorStats, Book, Country, Plan, Tag } from './library.ts';

/** The promises that every isolation keeps, by name. */
export const isolationCases: Readonly<Record<string, (library: Library) => Promise<void>>> = {
  'a hundred interleaved scopes read and write only their own tenant, errors included': async (library) => {
    const { tenancy, orm, tenants } = library;
    const thrown: unknown[] = [];
    await Promise.all(
      Array.from({ length: 100 }, async (_, n) => {
        const mine = tenants[n % tenants.length] as string;
        const other = tenants[(n + 1) % tenants.length] as string;
        await tenancy
          .run(mine, async () => {
            own(mine, await orm.em.find(Author, {}), 2);
            await yieldToOthers();
            await orm.em.transactional(async (em) => {
              em.persist(em.create(Tag, { name: `tag ${n} of ${mine}` }));
              await yieldToOthers();
              own(mine, await orm.em.find(Book, {}), 2);
            });
            await tenancy.run(other, async () => {
              own(other, await orm.em.find(Tag, {}));
              await orm.em.insert(Tag, { name: `nested ${n} of ${other}` });
            });
            if (n % 5 === 0) throw new Error(`thrown in ${mine}`);
            own(mine, await orm.em.find(Tag, {}), 2);
          })
          .catch((error: unknown) => thrown.push(error));
      }),
    );
    assert.equal(thrown.length, 20, String(thrown.find((error) => !String(error).includes('thrown in'))));
    for (const tenant of tenants) {
      await tenancy.run(tenant, async () => own(tenant, await orm.em.find(Tag, {}), 2));
    }
  },

  'outside of any scope everything refuses': async ({ orm: { em } }) => {
    await refuses('OUTSIDE_SCOPE', () => em.find(Author, {}));
    await refuses('OUTSIDE_SCOPE', () => em.findOne(Author, 1));
    await refuses('OUTSIDE_SCOPE', () => em.count(Author));
    await refuses('OUTSIDE_SCOPE', () => em.create(Author, { name: 'nobody' }));
    await refuses('OUTSIDE_SCOPE', () => em.persist(new Author()));
    await refuses('OUTSIDE_SCOPE', () => em.flush());
    await refuses('OUTSIDE_SCOPE', () => em.fork());
    await refuses('OUTSIDE_SCOPE', () => em.insert(Author, { name: 'nobody' }));
    await refuses('OUTSIDE_SCOPE', () => em.upsert(Author, { id: 1, name: 'nobody' }));
    await refuses('OUTSIDE_SCOPE', () => em.nativeUpdate(Author, { id: 1 }, { name: 'nobody' }));
    await refuses('OUTSIDE_SCOPE', () => em.nativeDelete(Author, { id: 1 }));
    await refuses('OUTSIDE_SCOPE', () => em.transactional(async () => {}));
    await refuses('OUTSIDE_SCOPE', () => em.begin());
    await refuses('OUTSIDE_SCOPE', () => em.execute('select * from author'));
    await refuses('OUTSIDE_SCOPE', () => em.createQueryBuilder(Author).getResult());
    await refuses('OUTSIDE_SCOPE', () => em.getRepository(Author).findAll());
    await refuses('OUTSIDE_SCOPE', () =>
      em.getKysely<{ author: { name: string } }>().selectFrom('author').selectAll().execute(),
    );
    await refuses('OUTSIDE_SCOPE', () => em.getConnection().execute('select * from author'));
    await refuses('OUTSIDE_SCOPE', () => em.getDriver().find(Author, {} as never));
    await refuses('OUTSIDE_SCOPE', async () => {
      for await (const author of em.stream(Author)) void author;
    });
  },

  'raw SQL, query builders, Kysely, formulas and virtual entities stay in the tenant': async ({
    tenancy,
    orm,
    tenants,
  }) => {
    await Promise.all(
      tenants.map((tenant) =>
        tenancy.run(tenant, async () => {
          const { em } = orm;
          own(tenant, await em.execute<{ name: string }[]>('select name from author'), 2);
          own(tenant, await em.getConnection().execute<{ name: string }[]>('select name from author'), 2);
          own(
            tenant,
            (await em.createQueryBuilder(Author, 'a').leftJoinAndSelect('a.books', 'b').getResult()).flatMap((a) => [
              a.name,
              ...a.books.getItems().map((b) => b.title),
            ]),
            4,
          );
          own(tenant, await em.find(AuthorStats, {}), 2);
          const kysely = em.getKysely<{ author: { id: number; name: string } }>();
          own(tenant, await kysely.selectFrom('author').select('name').execute(), 2);
          own(tenant, await kysely.selectFrom('author').select('name').where('name', 'like', 'first%').execute());
          await em.transactional(async (transaction) => {
            own(tenant, await transaction.execute<{ name: string }[]>('select name from author'), 2);
            own(
              tenant,
              await transaction.getKysely<{ author: { name: string } }>().selectFrom('author').select('name').execute(),
              2,
            );
          });
        }),
      ),
    );
  },

  'streams stay in the tenant and give their connection back': async ({ tenancy, orm, tenants }) => {
    await Promise.all(
      [...tenants, ...tenants, ...tenants].map((tenant, n) =>
        tenancy.run(tenant, async () => {
          const names: string[] = [];
          for await (const author of orm.em.stream(Author)) {
            names.push(author.name);
            await yieldToOthers();
            if (n % 3 === 0) break;
          }
          own(tenant, names, n % 3 === 0 ? 1 : 2);
          own(tenant, await orm.em.find(Author, {}), 2);
        }),
      ),
    );
  },

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
          await RequestContext.create(orm.em, async () => own(tenant, await orm.em.find(Author, {}), 2));
          await orm.em.begin();
          await orm.em.nativeUpdate(Author, { id: author.id }, { name: `first of ${tenant}` });
          await orm.em.commit();
          own(tenant, [(await firstAuthor(orm.em.fork())).name]);
        }),
      ),
    );
  },

  'a transaction that fails leaves nothing, and its connection is clean': async ({ tenancy, orm, tenants }) => {
    await Promise.all(
      tenants.map(async (tenant) => {
        await assert.rejects(
          tenancy.run(tenant, () =>
            orm.em.transactional(async (em) => {
              await em.insert(Tag, { name: `lost of ${tenant}` });
              await em.execute('select no_such_column from author');
            }),
          ),
          /no_such_column/,
        );
        await tenancy.run(tenant, async () => assert.equal(await orm.em.count(Tag, { name: `lost of ${tenant}` }), 0));
      }),
    );
  },

  'raw begin, failed statements and settings that last leave no connection poisoned': async ({
    tenancy,
    orm,
    tenants,
  }) => {
    for (const tenant of tenants) {
      await tenancy.run(tenant, async () => {
        await orm.em.execute('begin');
        await orm.em.execute('begin; select 1/0').catch(() => {});
        await orm.em.execute('set search_path to nowhere');
      });
    }
    await Promise.all(
      [...tenants, ...tenants, ...tenants].map((tenant) =>
        tenancy.run(tenant, async () => own(tenant, await orm.em.find(Author, {}), 2)),
      ),
    );
  },

  'a statement that cannot be pinned is refused, and says what to do': async ({ tenancy, orm, tenants }) => {
    const [mine] = tenants as [string];
    await tenancy.run(mine, async () => {
      await refuses('STATEMENT_REFUSED', () => orm.em.execute('vacuum author'));
      await refuses('STATEMENT_REFUSED', () => orm.em.execute('create index concurrently on author (name)'));
      own(mine, await orm.em.find(Author, {}), 2);
    });
  },

  "another tenant's transaction is never picked up": async ({ tenancy, orm, tenants }) => {
    const [mine, other] = tenants as [string, string];
    await tenancy.run(mine, () =>
      orm.em.transactional(async () => {
        await tenancy.run(other, async () => {
          assert.equal(orm.em.isInTransaction(), false);
          own(other, await orm.em.find(Author, {}), 2);
          own(other, await orm.em.fork({ useContext: true }).find(Author, {}), 2);
        });
        assert.equal(orm.em.isInTransaction(), true);
      }),
    );
  },

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

  "what one scope made is refused in another tenant's or bound to its maker, and works where there is no tenant":
    async (library) => {
      const { tenancy, orm, tenants } = library;
      const [mine, other] = tenants as [string, string];
      const { carried, author, query, stream } = await tenancy.run(mine, async () => ({
        carried: orm.em.fork(),
        author: await firstAuthor(orm.em),
        query: { lazily: orm.em.createQueryBuilder(Author, 'a').select('*') },
        stream: { lazily: orm.em.fork().find(Author, {}) },
      }));
      await tenancy.run(other, async () => {
        await refuses('CROSS_TENANT', () => carried.find(Author, {}));
        await refuses('CROSS_TENANT', () => carried.execute('select 1'));
        await refuses('CROSS_TENANT', () => carried.transactional(async () => {}));
        own(mine, await query.lazily.getResult(), 2);
        own(mine, await stream.lazily, 2);
        own(other, await orm.em.find(Author, {}), 2);
      });
      await tenancy.central(async () => own(mine, await carried.find(Author, {}), 2));
      own(mine, await carried.find(Author, {}), 2);
      await author.books.loadItems();
      own(mine, author.books.getItems());
    },

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
};
