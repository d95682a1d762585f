import { defineEntity, type MikroORM, p, raw } from '@mikro-orm/core';
import { CreateRequestContext, EnsureRequestContext } from '@mikro-orm/decorators/es';
import { Migration } from '@mikro-orm/migrations';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy, type Tenancy } from '@omnitenant/core';
import { plainDatabase, type TestDatabase } from '@omnitenant/tooling';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createOrm, type Orm } from '../src/index.ts';

const Task = defineEntity({
  name: 'Task',
  properties: { id: p.integer().primary(), name: p.string(), done: p.boolean().default(false) },
});

class CreateTask extends Migration {
  override up(): void {
    this.addSql('create table task (id serial primary key, name text not null, done boolean not null default false)');
    this.addSql('create unique index task_open on task (name) where not done');
  }
}

// What else users of MikroORM are used to: see `habitCases` of isolationSuite, and authoring.test.ts.
describe.each(['schema', 'database', 'row'] as const)('in isolation %s', (isolation) => {
  let database: TestDatabase;
  let orm: Orm;
  let tenancy: Tenancy;

  beforeAll(async () => {
    database = await plainDatabase();
    orm = await createOrm(
      defineConfig({
        clientUrl: database.url,
        entities: [Task],
        migrations: { migrationsList: [CreateTask] },
      }) as never,
      { isolation },
    );
    tenancy = createTenancy({ resources: [orm] });
    await tenancy.migrateCentral();
    for (const id of ['a', 'b']) await tenancy.tenants.create({ id });
  });
  afterAll(async () => {
    for (const id of ['a', 'b']) await tenancy.tenants.remove(id);
    await tenancy.close();
    await database.drop();
  });

  const names = () => orm.em.fork().findAll(Task, { orderBy: { name: 'asc' } });

  test('an upsert may name a partial unique index by raw SQL', async () => {
    for (const id of ['a', 'b', 'a']) {
      await tenancy.run(id, () =>
        orm.em.upsert(
          Task,
          { name: 'tea', done: false },
          { onConflictFields: raw('(name) where not done') as never, onConflictAction: 'merge' },
        ),
      );
    }
    for (const id of ['a', 'b']) expect(await tenancy.run(id, names)).toMatchObject([{ name: 'tea', done: false }]);
  });

  test('a clone of a query builder names the conflict with its tenant in it', async () => {
    const open = raw('(name) where not done');
    for (const id of ['a', 'b', 'a']) {
      await tenancy.run(id, async () => {
        const insert = orm.em.fork().createQueryBuilder(Task).insert({ name: 'tea', done: false });
        await insert.clone().onConflict(open).merge(['done']).execute();
        await insert.clone().clone().onConflict(open).ignore().execute();
      });
    }
    for (const id of ['a', 'b']) expect(await tenancy.run(id, names)).toMatchObject([{ name: 'tea', done: false }]);
  });

  test('@CreateRequestContext has an identity map of its own in a scope, and so has @EnsureRequestContext', async () => {
    class Tasks {
      // The decorators look for either of these.
      readonly orm = orm as unknown as MikroORM;
      readonly em = orm.em;

      @CreateRequestContext()
      async addInOwn(name: string) {
        this.em.create(Task, { name });
        await this.em.flush();
        return this.em;
      }

      @EnsureRequestContext()
      async unfinished() {
        return this.em.getUnitOfWork().getPersistStack().size;
      }
    }
    await tenancy.run('a', async () => {
      orm.em.create(Task, { name: 'of the caller, unfinished' });
      await new Tasks().addInOwn('of the method');
      expect(await new Tasks().unfinished()).toBe(0);
      expect((await names()).map(({ name }) => name)).toEqual(['of the method', 'tea']);
      orm.em.clear();
    });
    expect(await tenancy.run('b', names)).toHaveLength(1);
  });
});
