import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Migration } from '@mikro-orm/migrations';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy } from '@omnitenant/core';
import { plainDatabase } from '@omnitenant/tooling';
import pg from 'pg';
import { expect, test } from 'vitest';
import type { MigrationSource } from '../src/mikro-orm/migrator-options.ts';
import { createOrm } from '../src/orm.ts';
import { Author, Country, CreateLibrary, libraryEntities, Plan } from '../src/testing/library.ts';

/** As `create` writes it. */
class CreateCentral extends Migration {
  override up(): void {
    this.addSql(
      `create table "central"."tenant" ("id" varchar(48) collate "C" primary key, "name" varchar(255) not null, "status" varchar(255) not null, "isolation" varchar(255) not null, "placement" jsonb not null, "config" jsonb not null, "schema_version" varchar(255) not null default '', "created_at" timestamptz not null, "updated_at" timestamptz not null)`,
    );
    this.addSql(
      'create table "central"."domain" ("host" varchar(253) collate "C" primary key, "tenant_id" varchar(48) collate "C" not null, "primary" boolean not null default false)',
    );
  }

  override down(): void {
    this.addSql('drop table "central"."domain"; drop table "central"."tenant"');
  }
}

class CreatePlans extends Migration {
  override up(): void {
    this.addSql('create table plan (id serial primary key, name varchar(255) not null)');
    this.addSql('create table country (code varchar(255) primary key, name varchar(255) not null)');
  }

  override down(): void {
    this.addSql('drop table plan, country');
  }
}

class SpoilPlans extends Migration {
  override up(): void {
    this.addSql('alter table plan add column price int');
    this.addSql('alter table plan add column price int');
  }
}

const all = ['CreateCentral', 'CreatePlans'];

/** An application that keeps these migrations of central; each `open` is a process of its own. */
async function site() {
  const database = await plainDatabase();
  const client = new pg.Client(database.url);
  await client.connect();
  const opened: AsyncDisposable[] = [];
  return {
    query: async (sql: string) => (await client.query(sql)).rows,
    tables: async () =>
      (await client.query(`select tablename from pg_tables where schemaname = 'central' order by 1`)).rows.map(
        ({ tablename }) => tablename,
      ),
    async open(centralMigrations: MigrationSource = { migrationsList: [CreateCentral, CreatePlans] }) {
      const orm = await createOrm(
        defineConfig({
          clientUrl: database.url,
          entities: libraryEntities,
          migrations: { migrationsList: [CreateLibrary] },
        }),
        { shared: [Country], centralMigrations },
      );
      const tenancy = createTenancy({ resources: [orm] });
      opened.push(tenancy);
      return { orm, tenancy, central: orm.migrations.central };
    },
    async [Symbol.asyncDispose]() {
      for (const each of opened) await each[Symbol.asyncDispose]();
      await client.end();
      await database.drop();
    },
  };
}

test('makes central’s tables in central alone, and keeps its own log there', async () => {
  await using app = await site();
  const { tenancy, orm, central } = await app.open();
  expect(await central.status()).toEqual({ applied: [], pending: all });
  await tenancy.migrateCentral();
  expect(await central.status()).toEqual({ applied: all, pending: [] });
  expect(await app.tables()).toEqual(['country', 'domain', 'mikro_orm_migrations', 'plan', 'tenant']);
  expect(await app.query(`select count(*)::int as count from pg_tables where schemaname = 'public'`)).toEqual([
    { count: 0 },
  ]);
  await tenancy.central(() => orm.em.insert(Plan, { name: 'free' }));
  await tenancy.tenants.create({ id: 'acme' });
  expect(await tenancy.run('acme', () => orm.em.count(Author))).toBe(0);
  expect(await central.up()).toEqual([]);
  await tenancy.tenants.remove('acme');
});

test('goes up to one, down to one, and only writes down', async () => {
  await using app = await site();
  const { central } = await app.open();
  expect(await central.plan({ to: 'CreateCentral' })).toMatchObject([
    {
      name: 'CreateCentral',
      transactional: true,
      sql: [expect.stringContaining('"central"."tenant"'), expect.anything()],
    },
  ]);
  expect(await central.up({ to: 'CreateCentral' })).toEqual(['CreateCentral']);
  expect(await central.plan()).toMatchObject([{ name: 'CreatePlans' }]);
  expect(await app.tables()).not.toContain('plan');
  expect(await central.fake()).toEqual(['CreatePlans']);
  expect(await central.plan()).toEqual([]);
  expect(await app.tables()).not.toContain('plan');
  expect(await central.fake({ to: 'CreateCentral' })).toEqual(['CreatePlans']);
  expect(await central.up()).toEqual(['CreatePlans']);
  expect(await central.down()).toEqual(['CreatePlans']);
  expect(await central.down({ to: 0 })).toEqual(['CreateCentral']);
  expect(await app.tables()).toEqual(['mikro_orm_migrations']);
  await expect(central.up({ to: 'Nowhere' })).rejects.toMatchObject({ code: 'MIGRATION_UNKNOWN' });
  await expect(central.fake({ to: 'Nowhere' })).rejects.toMatchObject({ code: 'MIGRATION_UNKNOWN' });
});

test('one that fails leaves central as it was, and what came before it', async () => {
  await using app = await site();
  const { central } = await app.open();
  await central.up();
  const spoilt = await app.open({ migrationsList: [CreateCentral, CreatePlans, SpoilPlans] });
  await expect(spoilt.tenancy.migrateCentral()).rejects.toMatchObject({
    code: 'MIGRATE_FAILED',
    message: expect.stringMatching(/central.*price/),
  });
  expect(await spoilt.central.status()).toEqual({ applied: all, pending: ['SpoilPlans'] });
  expect(await app.query(`select from information_schema.columns where column_name = 'price'`)).toEqual([]);
});

test('processes that start at once apply each migration once', async () => {
  await using app = await site();
  const processes = await Promise.all(Array.from({ length: 6 }, () => app.open()));
  const applied = await Promise.all(processes.map(({ central }) => central.up()));
  expect(applied.flat().toSorted()).toEqual(all);
  expect(await app.query('select name from central.mikro_orm_migrations order by id')).toEqual(
    all.map((name) => ({ name })),
  );
});

test('the first that is written holds the tables of tenants and domains, and no tenant’s', async () => {
  await using app = await site();
  const path = await mkdtemp(join(tmpdir(), 'central-'));
  try {
    const { central } = await app.open({ path });
    const { path: file = '', up } = await central.create({ name: 'first' });
    const sql = up.join('\n');
    for (const table of ['"central"."tenant"', '"central"."domain"', '"central"."plan"', '"country"'])
      expect(sql).toContain(`create table ${table}`);
    expect(sql).not.toMatch(/author|book/);
    expect(await readFile(file, 'utf8')).toContain('create table');
    expect(await central.create()).toMatchObject({ path: undefined, up: [] });
    // The tenants' are in a list, and are not taken for central's.
    const again = await app.open({ path });
    expect((await again.central.status()).pending).toEqual([basename(file, '.ts')]);
    await app.query(
      ['drop schema central cascade; create schema central', 'set search_path to central', ...up].join(';'),
    );
    expect(await app.tables()).toEqual(['country', 'domain', 'plan', 'tenant']);
  } finally {
    await rm(path, { recursive: true });
  }
});
