import { Migration } from '@mikro-orm/migrations';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy, isTenancyError } from '@omnitenant/core';
import { plainDatabase, type TestDatabase, testServer } from '@omnitenant/tooling';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createOrm, type Orm } from '../src/index.ts';
import { AddCountries, Author, Country, CreateLibrary, libraryEntities, Tag } from '../src/testing/library.ts';

class PartitionAndView extends Migration {
  override up(): void {
    this.addSql(
      'create table event (id serial, at int not null, name text not null, primary key (id, at)) partition by range (at)',
    );
    this.addSql('create table event_early partition of event for values from (0) to (100)');
  }
}
class NaturalKeys extends Migration {
  override up(): void {
    this.addSql('create table plan_of_year (year int primary key, goal text not null)');
    this.addSql(
      'create table line (document int, position int, year int references plan_of_year, primary key (document, position))',
    );
    this.addSql(
      'create table reading (sensor text, at int not null, primary key (sensor, at)) partition by range (at)',
    );
    this.addSql('create table reading_early partition of reading for values from (0) to (100)');
  }
}
class Materialize extends Migration {
  override up(): void {
    this.addSql('create materialized view names as select name from author');
  }
}

describe.each([false, true])('tables that tenants share, with roles: %s', (roles) => {
  let database: TestDatabase;
  let orm: Orm;
  let tenancy: ReturnType<typeof createTenancy>;

  async function openApp(...more: (new (...parameters: never[]) => Migration)[]) {
    const opened = await createOrm(
      defineConfig({
        clientUrl: database.url,
        entities: libraryEntities,
        migrations: { migrationsList: [CreateLibrary, AddCountries, ...more] as never },
      }) as never,
      { isolation: 'row', roles, shared: [Country], names: { role: (id) => `${database.name}_${id}` } },
    );
    const entered = createTenancy({ resources: [opened] });
    await entered.migrateCentral();
    return { orm: opened, tenancy: entered };
  }
  beforeAll(async () => {
    database = await plainDatabase();
    ({ orm, tenancy } = await openApp(PartitionAndView, NaturalKeys));
    for (const id of ['a', 'b']) {
      await tenancy.tenants.create({ id });
      await tenancy.run(id, async () => {
        await orm.em.insert(Author, { name: `first of ${id}` });
        await orm.em.insert(Tag, { name: `tag of ${id}` });
        await orm.em.execute(`insert into event (at, name) values (5, 'event of ${id}')`);
      });
    }
  });
  afterAll(async () => {
    for await (const { id } of tenancy.tenants.all()) await tenancy.tenants.remove(id);
    await tenancy.close();
    await database.drop();
  });

  test('a partition is read through its table, and not by its own name', async () => {
    await tenancy.run('a', async () => {
      expect(await orm.em.execute('select name from event')).toEqual([{ name: 'event of a' }]);
      await expect(orm.em.execute('select name from event_early')).rejects.toThrow(/permission denied/);
    });
  });

  test('a key that is chosen, of one number or of several, may be the same in two tenants, once in each', async () => {
    const write = [
      `insert into plan_of_year (year, goal) values (2026, 'grow')`,
      'insert into line (document, position, year) values (1, 1, 2026)',
      `insert into reading (sensor, at) values ('door', 5)`,
    ];
    for (const id of ['a', 'b']) {
      await tenancy.run(id, async () => {
        for (const sql of write) await orm.em.execute(sql);
        for (const sql of write) await expect(orm.em.execute(sql)).rejects.toThrow(/duplicate key/);
      });
    }
    await tenancy.run('a', () => orm.em.execute(`insert into plan_of_year (year, goal) values (2027, 'rest')`));
    const other = 'insert into line (document, position, year) values (1, 2, 2027)';
    await tenancy.run('a', () => orm.em.execute(other));
    await tenancy.run('b', () => expect(orm.em.execute(other)).rejects.toThrow(/foreign key/));
  });

  test.each([
    'truncate tag',
    'truncate table author restart identity cascade',
    'alter table author no force row level security',
    'alter table author disable row level security',
    'drop policy omnitenant on author',
    'create table scratch as select name from author',
    'create materialized view scratch as select name from author',
    '/* a */ drop table tag',
  ])('%s is refused in a tenant’s scope, and says why', async (sql) => {
    await tenancy.run('a', async () => {
      await expect(orm.em.execute(sql)).rejects.toSatisfy((error) => isTenancyError(error, 'STATEMENT_REFUSED'));
    });
    await tenancy.run('b', async () => {
      expect(await orm.em.fork().find(Tag, {})).toMatchObject([{ name: 'tag of b' }]);
      expect(await orm.em.execute('select name from author')).toEqual([{ name: 'first of b' }]);
    });
  });

  test('a tenant’s rows are found by an index, however many others have', async () => {
    const owner = new Client({ connectionString: `${testServer().url.replace(/\/[^/]*$/, '')}/${database.name}` });
    await owner.connect();
    try {
      await owner.query(`begin; insert into rows.tag (tenant_id, name)
        select 't' || n % 300, 'tag' from generate_series(1, 30000) as n; analyze rows.tag; commit`);
      const plan = await tenancy.run('a', () => orm.em.execute<object[]>('explain (costs off) select * from tag'));
      expect(plan.map((line) => Object.values(line)[0]).join('\n')).toMatch(/Index Cond: \(tenant_id = /);
      await owner.query(`delete from rows.tag where tenant_id like 't%'`);
    } finally {
      await owner.end();
    }
  });

  test('a query builder empties no table of everyone', async () => {
    await tenancy.run('a', async () => {
      await orm.em.createQueryBuilder(Tag).truncate().execute();
      expect(await orm.em.count(Tag)).toBe(0);
    });
    await tenancy.run('b', async () => expect(await orm.em.count(Tag)).toBe(1));
  });

  test('texts and temporary tables are nobody’s business', async () => {
    await tenancy.run('a', async () => {
      await orm.em
        .transactional(async (em) => {
          await em.insert(Tag, { name: 'truncate; drop table tag' });
          await em.execute('create temporary table scratch as select name from author');
          expect(await em.execute('select name from scratch')).toEqual([{ name: 'first of a' }]);
          throw new Error('undone');
        })
        .catch((error) => expect(String(error)).toContain('undone'));
    });
  });

  test('a migration that makes a materialized view is refused, as all tenants would read it', async () => {
    const next = await openApp(PartitionAndView, Materialize);
    try {
      await expect(next.tenancy.tenants.migrate('a')).rejects.toSatisfy((error) =>
        isTenancyError(error, 'MIGRATE_FAILED'),
      );
      expect(await tenancy.central(() => orm.em.execute('select matviewname from pg_matviews'))).toEqual([]);
    } finally {
      await next.tenancy.close();
    }
  });
});
