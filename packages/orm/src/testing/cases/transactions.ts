import assert from 'node:assert/strict';
import { isTenancyError } from '@omnitenant/core';
import { type IsolationCases, own, refuses, yieldToOthers } from '../assertions.ts';
import { Author, Tag } from '../library.ts';

/** Transactions are their tenant’s, and leave nothing on a connection. */
export const transactionCases: IsolationCases = {
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
    dialect,
  }) => {
    for (const tenant of tenants) {
      await tenancy.run(tenant, async () => {
        for (const sql of dialect.poison) await orm.em.execute(sql).catch(() => {});
      });
    }
    await Promise.all(
      [...tenants, ...tenants, ...tenants].map((tenant) =>
        tenancy.run(tenant, async () => own(tenant, await orm.em.find(Author, {}), 2)),
      ),
    );
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

  'savepoints, nested transactions and those by hand stay in the tenant': async ({ tenancy, orm, tenants }) => {
    await Promise.all(
      tenants.map((tenant) =>
        tenancy.run(tenant, async () => {
          await orm.em.transactional(async (outer) => {
            await outer.insert(Tag, { name: `kept of ${tenant}` });
            await orm.em
              .transactional(async (inner) => {
                await inner.insert(Tag, { name: `lost of ${tenant}` });
                await yieldToOthers();
                throw new Error('back to the savepoint');
              })
              .catch(() => {});
            own(tenant, await outer.execute<{ name: string }[]>('select name from author'), 2);
          });
          await orm.em.begin();
          await orm.em.insert(Tag, { name: `lost of ${tenant}` });
          own(tenant, await orm.em.execute<{ name: string }[]>('select name from author'), 2);
          await orm.em.rollback();
          own(tenant, await orm.em.fork().find(Tag, { name: { $like: 'kept%' } }));
          assert.equal(await orm.em.fork().count(Tag, { name: { $like: 'lost%' } }), 0);
          assert.equal(await orm.em.nativeDelete(Tag, { name: { $like: 'kept%' } }), 1);
        }),
      ),
    );
  },

  'a transaction that is ended in the midst of raw SQL goes on in the tenant, or is not begun': async (library) => {
    const { tenancy, orm, tenants, dialect } = library;
    const { sql, refused } = dialect.several;
    const select = 'select name from author';
    for (const tenant of tenants) {
      await tenancy.run(tenant, async () => {
        const error = await orm.em.execute(sql).catch((reason: unknown) => reason);
        if (isTenancyError(error, 'STATEMENT_REFUSED') || refused?.test(String(error))) {
          own(tenant, await orm.em.fork().find(Author, {}), 2);
          return;
        }
        assert.match(String(error), /division by zero/);
        await orm.em.transactional(async (em) => {
          await em.execute(`insert into tag (name) values ('committed of ${tenant}'); commit; begin`);
          own(tenant, await em.execute<{ name: string }[]>(select), 2);
        });
        own(tenant, await orm.em.fork().find(Author, {}), 2);
        assert.equal(await orm.em.nativeDelete(Tag, { name: `committed of ${tenant}` }), 1);
      });
    }
  },

  'a transaction that a scope leaves open is rolled back when the scope ends, and refuses to go on': async (
    library,
  ) => {
    const { tenancy, orm, tenants } = library;
    for (const tenant of [...tenants, ...tenants, ...tenants]) {
      const { promise: ended, resolve: end } = Promise.withResolvers<void>();
      const begun = await tenancy.run(tenant, async () => {
        const { em } = orm;
        await em.begin();
        await em.insert(Tag, { name: `lost of ${tenant}` });
        return { late: ended.then(() => em.insert(Tag, { name: 'late' })) };
      });
      begun.late.catch(() => {});
      end();
      await refuses('SCOPE_ENDED', () => begun.late);
      await tenancy.run(tenant, async () => assert.equal(await orm.em.count(Tag, { name: `lost of ${tenant}` }), 0));
    }
  },

  'a transaction that a failed scope has left open holds no connection': async ({ tenancy, orm, tenants }) => {
    for (let round = 0; round < 5; round += 1) {
      for (const tenant of tenants) {
        const failed = tenancy.run(tenant, async () => {
          // PGlite has one connection, so a scope can hold one transaction there.
          if (round % 2 === 0) await orm.em.begin();
          else await orm.em.getKysely().startTransaction().execute();
          throw new Error('the request failed');
        });
        await assert.rejects(failed, /the request failed/);
      }
    }
    await Promise.all(
      tenants.map((tenant) => tenancy.run(tenant, async () => own(tenant, await orm.em.find(Author, {}), 2))),
    );
  },

  'work that begins a transaction after its scope has ended is refused': async ({ tenancy, orm, tenants }) => {
    const [mine] = tenants as [string];
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const late = await tenancy.run(mine, async () => {
      await orm.em.count(Tag);
      return { work: ended.then(() => orm.em.transactional((em) => em.insert(Tag, { name: 'late' }))) };
    });
    late.work.catch(() => {});
    end();
    await refuses('SCOPE_ENDED', () => late.work);
    await tenancy.run(mine, async () => assert.equal(await orm.em.count(Tag, { name: 'late' }), 0));
  },
};
