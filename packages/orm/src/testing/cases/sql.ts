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
  }) => {
    const called = async (em: typeof orm.em) =>
      (await em.execute<{ name: string }[]>('select name from author_names() as name')).map(({ name }) => name);
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

  'a statement that cannot be pinned is refused, and says what to do': async ({ tenancy, orm, tenants }) => {
    const [mine] = tenants as [string];
    await tenancy.run(mine, async () => {
      await refuses('STATEMENT_REFUSED', () => orm.em.execute('vacuum author'));
      await refuses('STATEMENT_REFUSED', () => orm.em.execute('create index concurrently on author (name)'));
      own(mine, await orm.em.find(Author, {}), 2);
    });
  },

  'what a statement leaves in its session ends with it, and reaches nobody': async ({ tenancy, orm, tenants }) => {
    const left = `select current_setting('statement_timeout') <> '7654ms' as set,
      not exists (select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and objid = 7654) as locked,
      not exists (select from pg_prepared_statements where name = 'of_somebody') as prepared,
      to_regclass('scratch') is null and to_regclass('pg_temp.scratch') is null as made`;
    const traces = [
      'set statement_timeout to 7654',
      'select pg_advisory_lock(7654)',
      'prepare of_somebody as select 1',
      'create temporary table scratch as select name from author',
      "create temporary table author as select 1 as id, 'temporary' as name",
    ];
    for (const trace of traces) {
      const leave = (em: typeof orm.em) => em.execute(trace);
      await Promise.all(
        tenants.map((tenant, n) =>
          tenancy.run(tenant, () => (n % 2 === 0 ? leave(orm.em) : orm.em.transactional(leave))),
        ),
      );
      await Promise.all(
        tenants.map((tenant) =>
          tenancy.run(tenant, async () => {
            const [clean] = await orm.em.execute<Record<string, boolean>[]>(left);
            assert.deepEqual(clean, { set: true, locked: true, prepared: true, made: true }, trace);
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
  }) => {
    await Promise.all(
      tenants.map((tenant) =>
        tenancy.run(tenant, async () => {
          await assert.rejects(orm.em.execute('copy author from stdin'));
          await assert.rejects(orm.em.transactional((em) => em.execute('copy author (name) from stdin with csv')));
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
    const { tenancy, orm, tenants } = library;
    await tenancy.central(() => orm.em.execute('create table public.elsewhere (name text); create table elsewhere ()'));
    try {
      for (const tenant of tenants) {
        await tenancy.run(tenant, async () => {
          const placed = tenancy.current().placement as { readonly database: string; readonly schema: string };
          const [{ database } = {}] = await orm.em.execute<{ database: string }[]>(
            'select current_database() as database',
          );
          const [{ schema } = {}] = await orm.em.execute<{ schema: string }[]>('select current_schema() as schema');
          if (database === placed.database) assert.equal(schema, placed.schema);
          await assert.rejects(orm.em.execute('select * from elsewhere'), /does not exist/);
          await assert.rejects(
            orm.em.transactional((em) => em.execute('select * from elsewhere')),
            /does not exist/,
          );
        });
      }
    } finally {
      await tenancy.central(() => orm.em.execute('drop table public.elsewhere; drop table elsewhere'));
    }
  },
};
