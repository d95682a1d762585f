import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineEntity, type Options, p, quote, Routine } from '@mikro-orm/core';
import { Migration } from '@mikro-orm/migrations';
import { defineConfig } from '@mikro-orm/postgresql';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { createTenancy } from '@omnitenant/core';
import { plainDatabase } from '@omnitenant/tooling';
import { expect, test, vi } from 'vitest';
import { createOrm } from '../src/orm.ts';

/** The application on these entities, with its migrations in a directory of its own. */
async function openApp(config: Partial<Options>) {
  const database = await plainDatabase();
  const path = await mkdtemp(join(tmpdir(), 'authoring-'));
  const open = [] as { close(): Promise<void> }[];
  async function start(changed: Partial<Options> = config) {
    const orm = await createOrm(defineConfig({ clientUrl: database.url, migrations: { path }, ...changed } as never));
    const tenancy = createTenancy({ resources: [orm] });
    open.push(tenancy);
    return { orm, tenancy };
  }
  return {
    start,
    /** Writes the first migration, and opens the application that has it. */
    async written() {
      const first = await start();
      const created = await first.orm.migrations.create({ name: 'first' });
      class First extends Migration {
        override up(): void {
          for (const statement of created.up) this.addSql(statement);
        }
      }
      const app = await start({ ...config, migrations: { path, migrationsList: [First] } });
      await app.tenancy.migrateCentral();
      return { ...app, created };
    },
    async [Symbol.asyncDispose]() {
      for (const tenancy of open) await tenancy.close();
      await rm(path, { recursive: true });
      await database.drop();
    },
  };
}

const id = p.integer().primary();

test('a full-text index is created in the tenant’s schema', async () => {
  const Book = defineEntity({
    name: 'Book',
    properties: { id, title: p.string() },
    indexes: [{ properties: 'title', type: 'fulltext' }],
  });
  await using app = await openApp({ entities: [Book] });
  const { orm, tenancy, created } = await app.written();
  expect(created.up.join('\n')).not.toContain('"public"');
  await tenancy.tenants.create({ id: 'acme' });
  const indexes = await tenancy.run('acme', () =>
    orm.em.execute(`select 1 from pg_indexes where schemaname = 't_acme' and indexdef like '%to_tsvector%'`),
  );
  expect(indexes).toHaveLength(1);
  expect(await orm.migrations.create()).toMatchObject({ path: undefined });
  await tenancy.tenants.remove('acme');
});

test('an index whose expression is a function is created in the tenant’s schema', async () => {
  const Book = defineEntity({
    name: 'Book',
    properties: { id, title: p.string() },
    indexes: [
      {
        name: 'book_title_lower',
        expression: (columns, table, name) => quote`create index ${name} on ${table} (lower(${columns.title}))`,
      },
    ],
  });
  await using app = await openApp({ entities: [Book] });
  const { orm, tenancy, created } = await app.written();
  expect(created.up.join('\n')).toContain('create index "book_title_lower" on "book" (lower("title"))');
  await tenancy.tenants.create({ id: 'acme' });
  expect(await orm.migrations.create()).toMatchObject({ path: undefined });
  await tenancy.tenants.remove('acme');
});

test('a view whose expression is a function gets its SQL, and shows the tenant’s rows', async () => {
  const Task = defineEntity({ name: 'Task', properties: { id, title: p.string() } });
  const Title = defineEntity({
    name: 'Title',
    view: true,
    expression: (em: SqlEntityManager) => em.createQueryBuilder(Task, 't').select(['t.id', 't.title']),
    properties: { id, title: p.string() },
  });
  await using app = await openApp({ entities: [Task, Title] });
  const { orm, tenancy } = await app.written();
  await tenancy.tenants.create({ id: 'acme' });
  await tenancy.run('acme', async () => {
    await orm.em.insert(Task, { id: 1, title: 'of acme' });
    expect(await orm.em.find(Title, {})).toMatchObject([{ title: 'of acme' }]);
  });
  await tenancy.tenants.remove('acme');
});

test('an entity of the schema * is a tenant’s', async () => {
  const Task = defineEntity({ name: 'Task', schema: '*', properties: { id, title: p.string() } });
  await using app = await openApp({ entities: [Task] });
  const { orm, tenancy } = await app.written();
  await tenancy.tenants.create({ id: 'acme' });
  await tenancy.run('acme', async () => {
    await orm.em.insert(Task, { id: 1, title: 'of acme' });
    expect(await orm.em.find(Task, {})).toMatchObject([{ title: 'of acme' }]);
  });
  await tenancy.tenants.remove('acme');
});

test('a routine is a tenant’s, unless it declares the schema central', async () => {
  const Task = defineEntity({ name: 'Task', properties: { id, title: p.string() } });
  const returns = { runtimeType: 'number', columnType: 'integer' } as const;
  const routines = [
    new Routine({
      name: 'count_tasks',
      type: 'function',
      language: 'sql',
      params: {},
      returns,
      body: 'select count(*)::int from task',
    }),
    new Routine({
      name: 'count_tenants',
      schema: 'central',
      type: 'function',
      language: 'sql',
      params: {},
      returns,
      body: 'select count(*)::int from central.tenant',
    }),
  ];
  await using app = await openApp({ entities: [Task], routines });
  const { orm, tenancy, created } = await app.written();
  expect(created.up.join('\n')).toContain('count_tasks');
  expect(created.up.join('\n')).not.toContain('count_tenants');
  await tenancy.tenants.create({ id: 'acme' });
  expect(await tenancy.run('acme', () => orm.em.execute('select count_tasks() as count'))).toEqual([{ count: 0 }]);
  const [countTasks, countTenants] = routines;
  await tenancy.run('acme', async () => {
    await orm.em.insert(Task, { title: 'of acme' });
    expect(await orm.em.callRoutine(countTasks as Routine, {})).toBe(1);
    expect(await orm.em.transactional((em) => em.callRoutine(countTasks as Routine, {}))).toBe(1);
  });
  await expect(tenancy.run('acme', () => orm.em.callRoutine(countTenants as Routine, {}))).rejects.toMatchObject({
    code: 'SCHEMA_REFUSED',
  });
  await tenancy.central(() =>
    orm.em.execute(
      'create function central.count_tenants() returns int language sql as $$ select count(*)::int from tenant $$',
    ),
  );
  expect(await tenancy.central(() => orm.em.callRoutine(countTenants as Routine, {}))).toBe(1);
  await tenancy.tenants.remove('acme');
});

test('a native enum of central that exists is used by a table that is added', async () => {
  const kind = () => p.enum(() => ({ free: 'free', paid: 'paid' }) as const).nativeEnumName('plan_kind');
  const Plan = defineEntity({ name: 'Plan', schema: 'central', properties: { id, kind: kind() } });
  const Offer = defineEntity({ name: 'Offer', schema: 'central', properties: { id, kind: kind() } });
  await using app = await openApp({ entities: [Plan] });
  await (await app.start()).tenancy.migrateCentral();
  const { orm, tenancy } = await app.start({ entities: [Plan, Offer] });
  await tenancy.migrateCentral();
  await tenancy.central(async () => {
    await orm.em.insert(Offer, { id: 1, kind: 'paid' });
    expect(await orm.em.count(Offer)).toBe(1);
  });
});

test('a view in central is created once', async () => {
  const Plan = defineEntity({ name: 'Plan', schema: 'central', properties: { id, name: p.string() } });
  const PlanName = defineEntity({
    name: 'PlanName',
    schema: 'central',
    view: true,
    expression: (em: SqlEntityManager) => em.createQueryBuilder(Plan, 'p').select(['p.id', 'p.name']),
    properties: { id, name: p.string() },
  });
  await using app = await openApp({ entities: [Plan, PlanName] });
  for (const { orm, tenancy } of [await app.start(), await app.start()]) {
    await tenancy.migrateCentral();
    expect(await tenancy.central(() => orm.em.find(PlanName, {}))).toEqual([]);
  }
});

test.each([
  [{ schema: 'app' }, /sets the schema "app"/],
  [{ disableTransactions: true }, /disableTransactions/],
])('the MikroORM configuration %o is refused at start', async (config, message) => {
  await expect(
    createOrm(
      defineConfig({ dbName: 'none', entities: [defineEntity({ name: 'Task', properties: { id } })], ...config }),
    ),
  ).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) });
});

test('the environment variable MIKRO_ORM_SCHEMA is refused at start', async () => {
  vi.stubEnv('MIKRO_ORM_SCHEMA', 'app');
  try {
    await expect(createOrm(defineConfig({ dbName: 'none', entities: [] }))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('MIKRO_ORM_SCHEMA'),
    });
  } finally {
    vi.unstubAllEnvs();
  }
});
