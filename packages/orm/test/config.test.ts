import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineEntity, type Options, p } from '@mikro-orm/core';
import { Migration } from '@mikro-orm/migrations';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy, type Tenancy } from '@omnitenant/core';
import { plainDatabase } from '@omnitenant/tooling';
import { afterAll, afterEach, expect, test } from 'vitest';
import { createOrm, type Orm } from '../src/orm.ts';
import type { OrmOptions } from '../src/orm-options.ts';

const Task = defineEntity({ name: 'Task', properties: { id: p.integer().primary(), title: p.string() } });

class CreateTasks extends Migration {
  override up() {
    this.addSql('create table task (id serial primary key, title text not null)');
  }
}

const database = await plainDatabase();
const folder = await mkdtemp(join(tmpdir(), 'omnitenant-config-'));
const opened: Tenancy[] = [];

function configOf(migrations: Options['migrations'] = { migrationsList: [CreateTasks] }) {
  return defineConfig({ clientUrl: database.url, entities: [Task], migrations });
}

async function open(migrations?: Options['migrations'], options: OrmOptions = {}) {
  const orm = await createOrm(configOf(migrations), options);
  const tenancy = createTenancy({ resources: [orm] });
  opened.push(tenancy);
  return { orm, tenancy };
}

afterEach(async () => {
  for (const tenancy of opened.splice(0)) await tenancy.close();
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await database.drop();
});

test.each([
  [{ isolaton: 'row' }, 'createOrm has no option "isolaton"; did you mean "isolation"?'],
  [{ connections: { maxium: 3 } }, 'connections has no option "maxium"; did you mean "max"?'],
  [{ servers: { eu: { conections: {} } } }, 'servers.eu has no option "conections"; did you mean "connections"?'],
  [{ names: { shema: () => '' } }, 'names has no option "shema"; did you mean "schema"?'],
  [{ credentials: { key: '' } }, 'credentials has no option "key"; did you mean "keys"?'],
  [{ centralMigrations: { paht: '.' } }, 'centralMigrations has no option "paht"; did you mean "path"?'],
  [{ pendingMigrations: 'readonly' }, 'There is no pendingMigrations "readonly".'],
])('the options %j are refused: %s', async (options, told) => {
  await expect(createOrm(configOf(), options as OrmOptions)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining(told),
  });
});

test('a driver of another database is refused', async () => {
  const { driver: PostgreSqlDriver, ...rest } = configOf();
  class MySqlDriver extends (PostgreSqlDriver as unknown as new (
    ...parameters: never
  ) => { getDependencies(): string[] }) {
    override getDependencies() {
      return ['mysql2'];
    }
  }
  await expect(createOrm({ ...rest, driver: MySqlDriver } as never)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('createOrm needs PostgreSQL or PGlite'),
  });
});

test('one orm keeps the tenants, and is a resource of their tenancy', async () => {
  const { orm: one } = await open();
  const { orm: two } = await open();
  expect(() => createTenancy({ resources: [one, two as unknown as Orm] })).toThrow(
    /one resource that keeps the tenants/,
  );
  expect(() => createTenancy({ store: one.store, resources: [] })).toThrow(/the resource that the store belongs to/);
  expect(() => createTenancy({ store: { ...one.store } })).toThrow(/the resource that the store belongs to/);
});

test('central’s tables that are missing are called so, and central.up() makes them where there are no migrations of central', async () => {
  const { orm, tenancy } = await open();
  const missing = { code: 'CENTRAL_INCOMPLETE', message: expect.stringContaining('omnitenant migrate --central') };
  await expect(tenancy.run('acme', () => {})).rejects.toMatchObject(missing);
  await expect(orm.migrations.up()).rejects.toMatchObject(missing);
  await orm.migrations.central.up();
  expect(await orm.migrations.up()).toMatchObject({ migrated: 0, failed: [] });
});

test('a folder without migrations is refused, and is not made', async () => {
  const path = join(folder, 'nowhere');
  const { orm, tenancy } = await open({ path });
  const refused = { code: 'CONFIG_INVALID', message: expect.stringContaining(`no migrations in the folder "${path}"`) };
  // A deployment begins with it.
  await expect(tenancy.migrateCentral()).rejects.toMatchObject(refused);
  await expect(orm.migrations.up()).rejects.toMatchObject(refused);
  await expect(tenancy.tenants.create({ id: 'acme' })).rejects.toMatchObject(refused);
  expect(await tenancy.tenants.tryGet('acme')).toBeUndefined();
  await expect(
    open(undefined, { centralMigrations: { path } }).then((app) => app.tenancy.migrateCentral()),
  ).rejects.toMatchObject(refused);
  await expect(rm(path, { recursive: true })).rejects.toMatchObject({ code: 'ENOENT' });
});

test('code without migrations is refused where tenants have some', async () => {
  const { tenancy } = await open();
  await tenancy.migrateCentral();
  await tenancy.tenants.create({ id: 'acme' });
  const bare = await open({ migrationsList: [] });
  await expect(bare.orm.migrations.up()).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('This code has no migrations, but tenant "acme" has "CreateTasks"'),
  });
  await tenancy.tenants.remove('acme');
});
