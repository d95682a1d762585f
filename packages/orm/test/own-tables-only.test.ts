import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defineEntity, MikroORM, p } from '@mikro-orm/core';
import { Migration } from '@mikro-orm/migrations';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy } from '@omnitenant/core';
import { plainDatabase } from '@omnitenant/tooling';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { forTenants } from '../src/mikro-orm/for-tenants.ts';
import { createOrm, type Orm } from '../src/orm.ts';

const Task = defineEntity({ name: 'Task', properties: { id: p.integer().primary(), title: p.string() } });
const Plan = defineEntity({ name: 'Plan', schema: 'central', properties: { id: p.integer().primary() } });

class CreateTasks extends Migration {
  override up() {
    this.addSql('create table task (id serial primary key, title text not null)');
  }
}

const database = await plainDatabase();
const closing: { close(): Promise<void> }[] = [];
let tenants: readonly string[] = [];

function configOf(...migrations: readonly (new (...args: never) => Migration)[]) {
  const migrationsList = [CreateTasks, ...migrations].map((migration, n) => ({ name: `${n}`, class: migration }));
  return defineConfig({
    clientUrl: database.url,
    entities: [Task, Plan],
    migrations: { migrationsList: migrationsList as never },
  });
}

/** The application once it has one more migration. */
async function withMigration(up: string | ((migration: Migration) => Promise<unknown>), options = {}) {
  class Next extends Migration {
    override async up() {
      if (typeof up === 'string') this.addSql(up);
      else await up(this);
    }
  }
  const orm = await createOrm(configOf(Next), { names: { database: (id) => `${database.name}_${id}` }, ...options });
  const tenancy = createTenancy({ resources: [orm] });
  closing.push(tenancy);
  return { orm, tenancy };
}

async function failures(orm: Orm, options?: { readonly tenants: readonly string[] }): Promise<readonly string[]> {
  return (await orm.migrations.up(options)).failed.map(({ error }) => error.message);
}

beforeAll(async () => {
  const orm = await createOrm(configOf(), { names: { database: (id) => `${database.name}_${id}` } });
  const tenancy = createTenancy({ resources: [orm] });
  closing.push(tenancy);
  await tenancy.migrateCentral();
  await tenancy.tenants.create({ id: 'acme' });
  await tenancy.tenants.create({ id: 'bloom' });
  await tenancy.tenants.create({ id: 'own', isolation: 'database' });
  await tenancy.run('bloom', () => orm.em.insert(Task, { title: 'of bloom' }));
  tenants = ['acme', 'bloom', 'own'];
});

afterAll(async () => {
  const tenancy = createTenancy({ resources: [await createOrm(configOf())] });
  for (const id of tenants) await tenancy.tenants.remove(id);
  await tenancy.close();
  for (const open of closing) await open.close();
  await database.drop();
});

test('MikroORM’s own schema and migration tools change nothing of central and of tenants', async () => {
  const bare = await MikroORM.init(configOf());
  const before = await bare.schema.getUpdateSchemaSQL();
  expect(before).toContain('drop table if exists "t_bloom"."task"');
  await bare.close();

  const orm = await MikroORM.init(forTenants(configOf()));
  const refused = { code: 'CONFIG_INVALID', message: expect.stringContaining('omnitenant migration:create') };
  await expect(orm.schema.update()).rejects.toMatchObject(refused);
  await expect(orm.schema.drop({ dropDb: true })).rejects.toMatchObject(refused);
  await expect(orm.schema.refresh()).rejects.toMatchObject(refused);
  await expect(orm.migrator.create()).rejects.toMatchObject(refused);
  await expect(orm.migrator.up()).rejects.toMatchObject(refused);
  await orm.schema.ensureDatabase();
  await orm.close();

  const again = await MikroORM.init(configOf());
  expect(await again.schema.getUpdateSchemaSQL()).toBe(before);
  await again.close();
});

test('a configuration that MikroORM’s command would load is refused unless it is for tenants', async () => {
  const file = join(import.meta.dirname, '../node_modules/.mikro-orm.config.ts');
  await writeFile(file, '');
  vi.stubEnv('MIKRO_ORM_CLI_CONFIG', file);
  await expect(createOrm(configOf())).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('forTenants(defineConfig('),
  });
  const tenancy = createTenancy({ resources: [await createOrm(forTenants(forTenants(configOf())))] });
  vi.unstubAllEnvs();
  await tenancy.close();
});

test('a foreign key to central is refused with the same sentence for every isolation', async () => {
  const { orm, tenancy } = await withMigration('create table bill (plan int references central.plan (id))');
  const sentence =
    /^The migration "1" reaches "central.plan", and a tenant's migration reaches its own tables only. Store the id in a plain column/;
  const messages = await failures(orm);
  expect(messages).toHaveLength(3);
  for (const message of messages) expect(message).toMatch(sentence);
  for (const isolation of ['schema', 'database', 'row']) {
    const creating = tenancy.tenants.create({ id: `new-${isolation}`, isolation });
    await expect(creating).rejects.toMatchObject({ cause: { message: expect.stringMatching(sentence) } });
  }
  await expect(orm.migrations.plan()).rejects.toThrow(sentence);
});

test.each([
  ['update t_bloom.task set title = 1', '"t_bloom.task" of tenant "bloom"'],
  ['create table t_bloom.more (id int)', '"t_bloom.more" of tenant "bloom"'],
  ['insert into task (title) select title from "t_bloom"."task"', '"t_bloom.task" of tenant "bloom"'],
  ['do $$ begin delete from t_bloom.task; end $$', '"t_bloom.task" of tenant "bloom"'],
  ["delete from task where exists (select from information_schema.tables where table_name = 'x')", 'to_regclass'],
  ['do $$ begin delete from central.tenant; end $$', '"central.tenant"'],
])('a migration with "%s" is refused before it is sent', async (sql, told) => {
  const { orm, tenancy } = await withMigration(sql);
  expect(await failures(orm, { tenants: ['acme'] })).toEqual([expect.stringContaining(told)]);
  expect(await tenancy.run('bloom', () => orm.em.count(Task))).toBe(1);
});

test('a migration that runs code does not reach central by name either', async () => {
  const { orm, tenancy } = await withMigration((migration) => migration.execute('delete from central.tenant'));
  expect(await failures(orm, { tenants: ['acme'] })).toEqual([expect.stringContaining('reaches "central.tenant"')]);
  expect((await tenancy.tenants.get('bloom')).status).toBe('active');
});

test('an alias or a column that is called as a tenant’s schema is no reason to refuse', async () => {
  const { orm } = await withMigration(
    'update task set title = t_bloom.title from task as t_bloom where t_bloom.id = task.id',
  );
  expect(await orm.migrations.up({ tenants: ['acme'] })).toMatchObject({ migrated: 1, failed: [] });
});

test('types and functions of PostgreSQL may be qualified, as a dump has them', async () => {
  const { orm } = await withMigration(
    "alter table task add column note pg_catalog.text default pg_catalog.lower('A'::pg_catalog.text)",
  );
  expect(await orm.migrations.up({ tenants: ['bloom'] })).toMatchObject({ migrated: 1, failed: [] });
});
