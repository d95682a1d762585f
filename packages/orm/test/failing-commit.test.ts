import { defineEntity, type EventSubscriber, p } from '@mikro-orm/core';
import { Migration } from '@mikro-orm/migrations';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy, type Tenancy } from '@omnitenant/core';
import { plainDatabase, type TestDatabase } from '@omnitenant/tooling';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createOrm, type Orm } from '../src/index.ts';

const Task = defineEntity({ name: 'Task', properties: { id: p.integer().primary(), name: p.string() } });

class CreateTask extends Migration {
  override up(): void {
    this.addSql('create table task (id serial primary key, name text not null unique deferrable initially deferred)');
  }
}

describe.each(['schema', 'database', 'row'] as const)('a commit that fails, in isolation %s', (isolation) => {
  let database: TestDatabase;
  let orm: Orm;
  let tenancy: Tenancy;
  const events: string[] = [];
  const listener: EventSubscriber = {
    afterTransactionCommit: () => void events.push('committed'),
    afterTransactionRollback: () => void events.push('rolled back'),
  };

  beforeAll(async () => {
    database = await plainDatabase();
    orm = await createOrm(
      defineConfig({
        clientUrl: database.url,
        entities: [Task],
        subscribers: [listener],
        migrations: { migrationsList: [CreateTask] },
      }) as never,
      // A connection that were not given back would be missing at once.
      { isolation, connections: { max: 1 } },
    );
    tenancy = createTenancy({ resources: [orm] });
    await tenancy.migrateCentral();
    await tenancy.tenants.create({ id: 'a' });
    await tenancy.run('a', () => orm.em.insert(Task, { name: 'tea' }));
  });
  beforeEach(() => {
    events.length = 0;
  });
  afterAll(async () => {
    await tenancy.tenants.remove('a');
    await tenancy.close();
    await database.drop();
  });

  const tasks = () => tenancy.run('a', () => orm.em.count(Task));

  test('is told by the constraint, also to who rolls back afterwards', async () => {
    const work = tenancy.run('a', async () => {
      const em = orm.em.fork();
      await em.begin();
      try {
        em.create(Task, { name: 'tea' });
        await em.commit();
      } catch (error) {
        await em.rollback();
        throw error;
      }
    });
    await expect(work).rejects.toThrow(/duplicate key value/);
    expect(events).toEqual(['rolled back']);
    expect(await tasks()).toBe(1);
  });

  test('is a rollback to the listeners of a transaction, once', async () => {
    const work = tenancy.run('a', () => orm.em.transactional(async (em) => void em.create(Task, { name: 'tea' })));
    await expect(work).rejects.toThrow(/duplicate key value/);
    expect(events).toEqual(['rolled back']);
    expect(await tasks()).toBe(1);
  });

  test('gives its connection back to whoever does not roll back', async () => {
    const work = tenancy.run('a', async () => {
      const em = orm.em.fork();
      await em.begin();
      em.create(Task, { name: 'tea' });
      await em.commit();
    });
    await expect(work).rejects.toThrow(/duplicate key value/);
    expect(await tasks()).toBe(1);
  });
});
