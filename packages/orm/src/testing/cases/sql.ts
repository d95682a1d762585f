import assert from 'node:assert/strict';
import { raw } from '@mikro-orm/core';
import { type IsolationCases, own, refuses, yieldToOthers } from '../assertions.ts';
import { Author, AuthorStats, Book } from '../library.ts';

/** Whatever becomes SQL stays in the tenant, or is refused. */
export const sqlCases: IsolationCases = {
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

  'a stored function of the tenant reads its rows, in a transaction and out of it': async ({
    tenancy,
    orm,
    tenants,
    dialect,
  }) => {
    const called = async (em: typeof orm.em) => {
      const names: string[] = [];
      for (const sql of dialect.routine) {
        for (const { name } of await em.execute<{ name: string }[]>(sql)) names.push(name);
      }
      return names;
    };
    await Promise.all(
      [...tenants, ...tenants].map((tenant) =>
        tenancy.run(tenant, async () => {
          own(tenant, await called(orm.em), 2);
          await yieldToOthers();
          own(tenant, await orm.em.transactional(called), 2);
        }),
      ),
    );
    await refuses('OUTSIDE_SCOPE', () => called(orm.em));
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

  'a statement that cannot be pinned is refused, and says what to do': async ({ tenancy, orm, tenants, dialect }) => {
    const [mine] = tenants as [string];
    await tenancy.run(mine, async () => {
      for (const sql of dialect.refused) await refuses('STATEMENT_REFUSED', () => orm.em.execute(sql));
      own(mine, await orm.em.find(Author, {}), 2);
    });
  },

  'what a statement leaves in its session ends with it, and reaches nobody': async (library) => {
    const { tenancy, orm, tenants, dialect } = library;
    for (const trace of dialect.traces) {
      const leave = (em: typeof orm.em) => em.execute(trace);
      await Promise.all(
        tenants.map((tenant, n) =>
          tenancy.run(tenant, () => (n % 2 === 0 ? leave(orm.em) : orm.em.transactional(leave))),
        ),
      );
      await Promise.all(
        tenants.map((tenant) =>
          tenancy.run(tenant, async () => {
            const [clean = {}] = await orm.em.execute<Record<string, unknown>[]>(dialect.clean);
            assert.ok(
              Object.values(clean).every((is) => is === true || is === 1),
              `${trace}: ${JSON.stringify(clean)}`,
            );
            own(tenant, await orm.em.fork().find(Author, {}), 2);
          }),
        ),
      );
    }
  },

  'a copy from the client, who sends no rows, fails at once and keeps no connection': async ({
    tenancy,
    orm,
    tenants,
    dialect,
  }) => {
    await Promise.all(
      tenants.map((tenant) =>
        tenancy.run(tenant, async () => {
          for (const sql of dialect.fromClient) {
            await assert.rejects(orm.em.execute(sql));
            await assert.rejects(orm.em.transactional((em) => em.execute(sql)));
          }
          own(tenant, await orm.em.fork().find(Author, {}), 2);
        }),
      ),
    );
  },

  'pieces of SQL in conditions, selections, orders and formulas find the tables of the tenant': async (library) => {
    const { tenancy, orm, tenants } = library;
    await Promise.all(
      tenants.map((tenant) =>
        tenancy.run(tenant, async () => {
          const { em } = orm;
          const [{ newest } = {}] = await em.find(Author, { name: { $like: 'first%' } }, { populate: ['newest'] });
          own(tenant, [newest as string]);
          const title = raw<string>('(select min(title) from book)');
          own(tenant, await em.fork().find(Author, { [title]: `a of ${tenant}` }, { orderBy: { [title]: 'asc' } }), 2);
          own(
            tenant,
            await em.createQueryBuilder(Author).select(raw('(select min(title) from book) as title')).execute(),
          );
          const authors = em
            .createQueryBuilder(Author)
            .select('id')
            .where({ name: `first of ${tenant}` });
          own(
            tenant,
            await em
              .createQueryBuilder(Book)
              .where({ author: { $in: authors } })
              .getResult(),
          );
          own(
            tenant,
            await em.find(Book, { tags: { name: `tag of ${tenant}` }, author: { name: `first of ${tenant}` } }),
          );
          own(tenant, await em.fork().find(Book, {}, { populate: ['author', 'tags'], strategy: 'select-in' }), 2);
          const page = await em.fork().findByCursor(Author, { first: 2, orderBy: { id: 'asc' } });
          own(tenant, page.items, 2);
          assert.equal(page.totalCount, 2);
          own(tenant, Object.keys(await em.countBy(Author, 'name')), 2);
        }),
      ),
    );
  },

  'a table that the tenant does not have is an error, never one of that name in public or in central': async (
    library,
  ) => {
    const { tenancy, orm, tenants, dialect } = library;
    const { table, make, drop } = dialect.elsewhere;
    const select = `select * from ${table}`;
    if (make !== undefined) await tenancy.central(() => orm.em.execute(make));
    try {
      for (const tenant of tenants) {
        await tenancy.run(tenant, async () => {
          await assert.rejects(orm.em.execute(select), dialect.noTable);
          await assert.rejects(
            orm.em.transactional((em) => em.execute(select)),
            dialect.noTable,
          );
        });
      }
    } finally {
      if (drop !== undefined) await tenancy.central(() => orm.em.execute(drop));
    }
  },

  'an unqualified name is looked for where the tenant is placed': async ({ tenancy, orm, tenants, dialect }) => {
    for (const tenant of tenants) {
      await tenancy.run(tenant, async () => {
        const placed = tenancy.current().placement as { readonly database: string; readonly schema: string };
        for (const sql of dialect.location) {
          const [{ database, schema } = {}] = await orm.em.execute<{ database?: string; schema?: string }[]>(sql);
          if (database === placed.database) assert.equal(schema, placed.schema);
        }
      });
    }
  },
};
