import { defineEntity, helper, p } from '@mikro-orm/core';
import { Migration } from '@mikro-orm/migrations';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy } from '@omnitenant/core';
import { plainDatabase } from '@omnitenant/tooling';
import { expect, test } from 'vitest';
import { createOrm } from '../src/index.ts';

// Options of MikroORM's configuration that change what all queries do.

const Task = defineEntity({ name: 'Task', properties: { id: p.integer().primary(), name: p.string() } });

class CreateTask extends Migration {
  override up(): void {
    this.addSql('create table task (id serial primary key, name text not null)');
  }
}

async function openApp(config: object) {
  const database = await plainDatabase();
  const orm = await createOrm(
    defineConfig({
      clientUrl: database.url,
      entities: [Task],
      migrations: { migrationsList: [CreateTask] },
      ...config,
    }) as never,
  );
  const tenancy = createTenancy({ resources: [orm] });
  await tenancy.migrateCentral();
  return {
    orm,
    tenancy,
    async [Symbol.asyncDispose]() {
      await tenancy.close();
      await database.drop();
    },
  };
}

test('a global result cache holds the rows of a tenant, and never the records of tenants', async () => {
  await using app = await openApp({ resultCache: { global: 600_000 } });
  const { orm, tenancy } = app;
  await tenancy.tenants.create({ id: 'a' });
  const count = () => tenancy.run('a', () => orm.em.count(Task));
  expect(await count()).toBe(0);
  await tenancy.run('a', () => orm.em.insert(Task, { name: 'tea' }));
  expect(await count()).toBe(0);
  await tenancy.tenants.suspend('a');
  expect((await orm.store.find('a'))?.status).toBe('suspended');
  await expect(count()).rejects.toMatchObject({ code: 'TENANT_SUSPENDED' });
});

test('an entity has the EntityManager of the scope that `orm.em` stands for', async () => {
  await using app = await openApp({});
  const { orm, tenancy } = app;
  await tenancy.tenants.create({ id: 'a' });
  await tenancy.run('a', () => {
    const { __em } = helper(orm.em.getReference(Task, 1));
    expect(__em).not.toBe(orm.em);
    expect(__em).toBe(orm.em.getContext());
  });
});
