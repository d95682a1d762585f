import { defineEntity, type EntitySchema, helper, p } from '@mikro-orm/core';
import { Migration } from '@mikro-orm/migrations';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy, type Tenancy } from '@omnitenant/core';
import { plainDatabase, type TestDatabase } from '@omnitenant/tooling';
import { type Generated, sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createOrm, type Orm } from '../src/index.ts';

const Animal = defineEntity({
  name: 'Animal',
  discriminatorColumn: 'kind',
  discriminatorValue: 'animal',
  properties: { id: p.integer().primary(), name: p.string(), kind: p.string() },
});
const Dog = defineEntity({ name: 'Dog', extends: Animal, discriminatorValue: 'dog', properties: {} });
const Tag = defineEntity({ name: 'Tag', properties: { id: p.integer().primary(), text: p.string() } });
const Visit = defineEntity({
  name: 'Visit',
  properties: {
    id: p.integer().primary(),
    animal: () => p.manyToOne(Animal).nullable(),
    tags: () => p.manyToMany(Tag),
  },
});
const Bill = defineEntity({
  name: 'Bill',
  properties: { id: p.integer().primary(), visit: () => p.oneToOne(Visit).owner() },
});

class CreateTables extends Migration {
  override up(): void {
    this.addSql('create table animal (id serial primary key, name text not null, kind text not null)');
    this.addSql('create table tag (id serial primary key, text text not null unique)');
    this.addSql('create unique index tag_of_any_case on tag (lower(text))');
    this.addSql('create table visit (id serial primary key, animal_id int references animal (id) on delete set null)');
    this.addSql(
      'create table visit_tags (visit_id int references visit (id) on delete cascade, tag_id int references tag (id) on delete cascade, primary key (visit_id, tag_id))',
    );
    this.addSql('create table bill (id serial primary key, visit_id int not null unique references visit (id))');
  }
}

describe.each(['schema', 'row'] as const)('in isolation %s', (isolation) => {
  let database: TestDatabase;
  let orm: Orm;
  let tenancy: Tenancy;

  beforeAll(async () => {
    database = await plainDatabase();
    orm = await createOrm(
      defineConfig({
        clientUrl: database.url,
        entities: [Animal, Dog, Tag, Visit, Bill],
        migrations: { migrationsList: [CreateTables] },
      }) as never,
      { isolation },
    );
    tenancy = createTenancy({ resources: [orm] });
    await tenancy.migrateCentral();
    for (const id of ['a', 'b']) await tenancy.tenants.create({ id });
  });
  beforeEach(async () => {
    for (const id of ['a', 'b']) {
      await tenancy.run(id, async () => {
        for (const entity of [Bill, Visit, Tag, Animal] as EntitySchema[]) await orm.em.nativeDelete(entity, {});
        const animal = orm.em.create(Animal, { name: 'rex', kind: 'dog' });
        const visit = orm.em.create(Visit, { animal, tags: [orm.em.create(Tag, { text: 'new' })] });
        orm.em.create(Bill, { visit });
        await orm.em.flush();
      });
    }
  });
  afterAll(async () => {
    for (const id of ['a', 'b']) await tenancy.tenants.remove(id);
    await tenancy.close();
    await database.drop();
  });

  /** How many rows of each entity a tenant has. */
  const counts = (id: string) =>
    tenancy.run(id, () =>
      Promise.all(([Animal, Visit, Bill, Tag] as EntitySchema[]).map((entity) => orm.em.count(entity))),
    );

  test('rows of `select *` have the columns of the entity', () =>
    tenancy.run('a', async () => {
      const dog = { id: expect.any(Number), name: 'rex', kind: 'dog' };
      const query = () => orm.em.createQueryBuilder(Animal, 'a').select('*');
      expect(await query().execute()).toEqual([dog]);
      expect(await query().execute('get')).toEqual(dog);
      expect(await query().clone().execute()).toEqual([dog]);
      expect(helper(await orm.em.fork().findOneOrFail(Animal, { name: 'rex' })).__originalEntityData).toEqual(dog);
    }));

  test('another application can be set up in a scope', async () => {
    const other = await tenancy.run('a', () =>
      createOrm(
        defineConfig({ clientUrl: database.url, entities: [Tag], migrations: { migrationsList: [] } }) as never,
      ),
    );
    expect(() => other.em.create(Tag, { text: 'of nobody' })).toThrow(
      expect.objectContaining({ code: 'OUTSIDE_SCOPE' }),
    );
    await createTenancy({ resources: [other] }).close();
  });

  test('Kysely names a conflict as in a table of one tenant', () =>
    tenancy.run('a', async () => {
      type Tables = { tag: { id: Generated<number>; text: string } };
      const insert = orm.em.getKysely<Tables>().insertInto('tag').values({ text: 'new' });
      await insert.onConflict((on) => on.column('text').doNothing()).execute();
      await insert.onConflict((on) => on.columns(['text']).doUpdateSet({ text: 'newer' })).execute();
      await insert.onConflict((on) => on.expression(sql`lower(text)`).doNothing()).execute();
      await insert.onConflict((on) => on.doNothing()).execute();
      expect(await orm.em.findAll(Tag, { orderBy: { text: 'asc' } })).toMatchObject([
        { text: 'new' },
        { text: 'newer' },
      ]);
    }));

  test('a collection is loaded as references, and changed as any other', async () => {
    const load = { populate: ['tags:ref'], strategy: 'select-in' } as const;
    await tenancy.run('a', async () => {
      const [visit] = await orm.em.findAll(Visit, load);
      const [tag] = visit?.tags.getItems() ?? [];
      expect(tag && helper(tag).isInitialized()).toBe(false);
      expect(await visit?.tags.loadItems()).toMatchObject([{ text: 'new' }]);
      visit?.tags.set([orm.em.create(Tag, { text: 'old' })]);
      await orm.em.flush();
    });
    await tenancy.run('a', async () => {
      const [visit] = await orm.em.findAll(Visit);
      expect(await visit?.tags.init({ ref: true })).toHaveLength(1);
      expect(await visit?.tags.loadItems()).toMatchObject([{ text: 'old' }]);
    });
  });

  test('a query builder empties a table, and those that refer to it, of its tenant alone', async () => {
    await tenancy.run('a', () => orm.em.createQueryBuilder(Animal).truncate().execute());
    expect(await counts('a')).toEqual([0, 0, 0, 1]);
    expect(await counts('b')).toEqual([1, 1, 1, 1]);
  });

  test('a clone of it does so, too, and a class of a hierarchy empties its whole table', async () => {
    await tenancy.run('a', async () => {
      await orm.em.insert(Animal, { name: 'tom', kind: 'animal' });
      const empty = orm.em.createQueryBuilder(Dog).truncate();
      await empty.clone().execute();
      await empty.execute();
    });
    expect(await counts('a')).toEqual([0, 0, 0, 1]);
    expect(await counts('b')).toEqual([1, 1, 1, 1]);
  });

  test('a table that nothing refers to is emptied alone', async () => {
    await tenancy.run('a', () => orm.em.createQueryBuilder(Bill).truncate().execute());
    expect(await counts('a')).toEqual([1, 1, 0, 1]);
  });
});
