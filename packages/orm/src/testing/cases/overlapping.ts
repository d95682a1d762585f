import assert from 'node:assert/strict';
import { type IsolationCases, own, ownOrEnded, refuses, yieldToOthers } from '../assertions.ts';
import { Author, Book, Tag } from '../library.ts';

/** Scopes that run at the same time, and what each leaves behind. */
export const overlappingCases: IsolationCases = {
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

  'a report over all tenants reads each one’s own rows, and its loop is in no tenant': async (library) => {
    const { tenancy, orm, tenants } = library;
    const counted: string[] = [];
    const report = tenancy.each(
      async ({ id }) => {
        await yieldToOthers();
        const books = await orm.em.find(Book, {});
        own(id, books, 2);
        return books;
      },
      { tenants, concurrency: 3 },
    );
    for await (const { tenant, value } of report) {
      own(tenant.id, value, 2);
      await refuses('OUTSIDE_SCOPE', () => orm.em.find(Book, {}));
      counted.push(tenant.id);
    }
    assert.deepEqual(counted.sort(), [...tenants].sort());
  },

  'many reads at once, over fewer connections, are each answered with their own rows, and fail alone': async (
    library,
  ) => {
    const { tenancy, orm, tenants, dialect } = library;
    const { sql, error } = dialect.failing;
    const divided = (n: number) => orm.em.execute(sql, [n % 2]);
    const failed: unknown[] = [];
    function read(n: number) {
      const mine = tenants[n % tenants.length] as string;
      return tenancy
        .run(mine, async () => {
          own(mine, await orm.em.fork().find(Author, { id: { $gt: 0 } }), 2);
          own(mine, await divided(Math.floor(n / tenants.length)), 2);
          const [found, counted] = await Promise.all([
            orm.em.fork().find(Book, { title: { $like: `%of ${mine}` } }, { populate: ['author'] }),
            orm.em.count(Book, { title: { $like: `%of ${mine}` } }),
          ]);
          own(mine, found, 2);
          assert.equal(counted, found.length);
        })
        .catch((error: unknown) => failed.push(error));
    }
    // The first have a connection each, those after them share.
    for (let round = 0; round < 4; round += 1) {
      await Promise.all(Array.from({ length: 8 * tenants.length }, (_, n) => read(n)));
    }
    assert.equal(failed.length, 16 * tenants.length, String(failed.find((reason) => !error.test(String(reason)))));
    for (const reason of failed) assert.match(String(reason), error);
    await refuses('OUTSIDE_SCOPE', () => divided(0));
  },

  'work that a scope leaves behind stays its own, and what is to be nobody’s has no tenant': async (library) => {
    const { tenancy, orm, tenants } = library;
    const [mine, other] = tenants as [string, string];
    const later = Promise.withResolvers<void>();
    const left = await tenancy.run(mine, () => ({
      work: later.promise.then(() => orm.em.find(Author, {})),
      nobodys: tenancy.outside(() => later.promise.then(() => refuses('OUTSIDE_SCOPE', () => orm.em.find(Author, {})))),
    }));
    await tenancy.run(other, async () => {
      later.resolve();
      await ownOrEnded(library, mine, () => left.work, 2);
      await left.nobodys;
      own(other, await orm.em.find(Author, {}), 2);
    });
  },
};
