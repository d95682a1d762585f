import pg from 'pg';
import { expect, test } from 'vitest';
import { migration, type RowApplication, type RowProcess, rowApplication } from './fixtures/row-application.ts';

const tables = [
  'create table country (code text primary key, name text not null)',
  'create table task (id serial primary key, title text not null, code text references country (code))',
];
const createTables = migration('CreateTables', tables);

const current = `nullif(current_setting('omnitenant.tenant', true), '')`;
const log = `create table mikro_orm_migrations (id serial primary key, name varchar(255), executed_at timestamptz default now());
  insert into mikro_orm_migrations (name) values ('CreateTables')`;

/** Tables as an earlier version protected them: a permissive policy that is forced on the owner. */
async function formerForm(app: RowApplication, roles: boolean): Promise<void> {
  const protection = ['country', 'task'].map(
    (table) => `alter table ${table} add column tenant_id text not null default ${current};
      create policy omnitenant on ${table} using (tenant_id = (select ${current})) with check (tenant_id = (select ${current}));
      alter table ${table} enable row level security, force row level security`,
  );
  await app.admin(`
    ${roles ? `create role "${app.name}_rows"; grant "${app.name}_rows" to current_user; create schema rows authorization "${app.name}_rows"; set role "${app.name}_rows"` : 'create schema rows'};
    set search_path to rows; ${tables.join(';')}; ${log}; ${protection.join(';')};
    create view titles as select title from task;
    create type mood as enum ('glad'); create function two() returns int language sql as 'select 2';
    alter table task drop constraint task_code_fkey;
    alter table country drop constraint country_pkey, add constraint country_pkey primary key (tenant_id, code);
    alter table task add constraint task_omnitenant_key unique (tenant_id, id),
      add constraint task_code_fkey foreign key (tenant_id, code) references country (tenant_id, code);
    ${['acme', 'bloom']
      .map(
        (id) =>
          `set omnitenant.tenant to ${id}; insert into country (code, name) values ('at', 'of ${id}'); insert into task (title, code) values ('of ${id}', 'at')`,
      )
      .join(';')}`);
}

/** The record that an earlier version wrote. */
async function record(app: RowApplication, { orm }: RowProcess, id: string): Promise<void> {
  const placement = { server: 'default', database: app.name, schema: 'rows' };
  await orm.store.insert({ id, name: id, status: 'active', isolation: 'row', placement, config: {} }, []);
}

test.each([false, true])(
  'tenants of an earlier version are refused until they are taken over, with their rows; roles: %s',
  async (roles) => {
    await using app = await rowApplication();
    await formerForm(app, roles);
    await using before = await app.start([createTables]);
    for (const id of ['acme', 'bloom']) await record(app, before, id);
    await expect(before.sql('acme', 'select title from task')).rejects.toThrow(/run omnitenant take-over/);
    expect(await before.orm.sharedTables.examine()).toMatchObject(
      [{ tenants: 2, open: [/take-over/] }].map(() => ({ tenants: 2 })),
    );

    expect(await before.orm.sharedTables.takeOver()).toEqual({
      schema: 'rows',
      tenants: ['acme', 'bloom'],
      unclaimed: [],
    });
    await using after = await app.start([createTables, migration('Next', 'alter table task add column done boolean')]);
    expect((await after.orm.migrations.up()).failed).toEqual([]);
    for (const id of ['acme', 'bloom']) {
      expect(await after.sql(id, 'select title from titles')).toEqual([{ title: `of ${id}` }]);
      expect(await after.sql(id, 'select name from country')).toEqual([{ name: `of ${id}` }]);
      await after.sql(id, `insert into country (code, name) values ('de', '')`);
      await after.sql(id, `insert into task (title, code) values ('next', 'de')`);
    }
    expect(await after.orm.sharedTables.examine()).toMatchObject([{ tenants: 2, open: [], closed: [], sql: [] }]);
    await after.tenancy.tenants.remove('acme');
    expect(await app.admin('select distinct tenant_id from task', 'owner')).toEqual([{ tenant_id: 'bloom' }]);
    expect((await after.tenancy.tenants.create({ id: 'acme' })).placement['key']).toBe('acme~2');
  },
);

test('tables whose policies do not refuse removed tenants yet are taken over, while others write to them', async () => {
  await using app = await rowApplication();
  await using before = await app.start([createTables]);
  for (const id of ['acme', 'bloom']) {
    await before.tenancy.tenants.create({ id });
    await before.sql(id, `insert into task (title) values ('first')`);
  }
  const own = `tenant_id = (select ${current})`;
  const former = ['country', 'task', 'omnitenant_former_tenants'].map(
    (table) => `alter policy omnitenant on rows.${table} with check (${own})`,
  );
  await app.admin([...former, 'drop function rows.omnitenant_writing_tenant()'].join(';'), 'owner');
  await using next = await app.start([createTables]);
  await expect(next.sql('acme', 'select title from task')).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringMatching(/omnitenant_writing_tenant: .* is missing\..*omnitenant take-over/),
  });
  let taken = false;
  const writers = ['acme', 'bloom'].map(async (id) => {
    for (let n = 0; !taken; n += 1) await before.sql(id, `insert into task (title) values ('${n}')`);
  });
  await next.orm.sharedTables.takeOver().finally(() => (taken = true));
  await Promise.all(writers);
  expect(await next.orm.sharedTables.examine()).toMatchObject([{ tenants: 2, open: [], closed: [], sql: [] }]);
  await next.sql('acme', `insert into task (title) values ('last')`);
});

/** Tables of one customer, from before there were tenants. */
const unprotected = `create schema rows; set search_path to rows; ${tables.join(';')}; ${log};
  insert into country values ('at', 'of acme'); insert into task (title, code) values ('of acme', 'at')`;

test('a schema that is there is shared once it is taken over, and its rows are adopted by the tenant that they are said to belong to', async () => {
  await using app = await rowApplication();
  await app.admin(unprotected);
  await using process = await app.start([createTables]);
  const { tenants } = process.tenancy;
  await expect(tenants.create({ id: 'bloom' })).rejects.toMatchObject({
    cause: { message: expect.stringMatching(/run: omnitenant take-over/) },
  });
  await expect(process.orm.sharedTables.takeOver()).rejects.toThrow(/"country".* has rows without a tenant/);
  expect(await app.admin('select * from rows.country')).toEqual([{ code: 'at', name: 'of acme' }]);

  expect(await process.orm.sharedTables.takeOver({ rowsOf: 'acme' })).toEqual({
    schema: 'rows',
    tenants: [],
    unclaimed: ['acme'],
  });
  await expect(tenants.create({ id: 'acme' })).rejects.toMatchObject({
    cause: { message: expect.stringMatching(/Adopt the tenant/) },
  });
  await tenants.create({ id: 'bloom' });
  await tenants.adopt({ id: 'acme' });
  expect(await process.sql('acme', 'select title from task')).toEqual([{ title: 'of acme' }]);
  await process.sql('acme', `update task set title = title`);
  expect(await process.sql('bloom', 'select title from task')).toEqual([]);
  await process.sql('bloom', `insert into country values ('at', 'of bloom')`);
  await process.sql('bloom', `insert into task (title, code) values ('of bloom', 'at')`);
  expect(await process.sql('acme', 'select name from country')).toEqual([{ name: 'of acme' }]);
});

test('rows that were adopted stay when their tenant is removed, and can be adopted again', async () => {
  await using app = await rowApplication();
  await app.admin(unprotected);
  await using process = await app.start([createTables]);
  const { tenants } = process.tenancy;
  await process.orm.sharedTables.takeOver({ rowsOf: 'acme' });
  for (let time = 0; time < 2; time += 1) {
    await tenants.adopt({ id: 'acme' });
    expect(await process.sql('acme', 'select title from task')).toEqual([{ title: 'of acme' }]);
    await expect(tenants.adopt({ id: 'bloom' })).rejects.toMatchObject({
      cause: { message: expect.stringMatching(/no rows that the tenant "bloom"/) },
    });
    await tenants.remove('acme');
  }
  expect(await app.admin('select tenant_id, title from task', 'owner')).toEqual([
    { tenant_id: 'acme', title: 'of acme' },
  ]);
});

test('tables with a tenant_id of the application’s own keep each row’s tenant', async () => {
  await using app = await rowApplication();
  await app.admin(`create schema rows; set search_path to rows; ${log};
    create table country (code text, name text not null, tenant_id varchar(40) not null, primary key (tenant_id, code));
    create table task (id serial primary key, title text not null, code text, tenant_id text);
    insert into country values ('at', 'of acme', 'acme'), ('at', 'of bloom', 'bloom');
    insert into task (title, tenant_id) values ('of acme', 'acme'), ('of nobody', null)`);
  await using process = await app.start([createTables]);
  expect((await process.orm.sharedTables.takeOver({ rowsOf: 'coral' })).unclaimed).toEqual(['acme', 'bloom', 'coral']);
  for (const id of ['acme', 'bloom', 'coral']) await process.tenancy.tenants.adopt({ id });
  expect(await process.sql('bloom', 'select name from country')).toEqual([{ name: 'of bloom' }]);
  expect(await process.sql('coral', 'select title from task')).toEqual([{ title: 'of nobody' }]);
});

const refused = [
  [
    'a materialized view',
    'create materialized view titles as select title from task',
    /rows\.titles: it is a materialized view/,
  ],
  [
    'a number as tenant_id',
    'alter table task add column tenant_id int',
    /rows\.task: it has its own column "tenant_id"/,
  ],
  [
    'a mark of a tenant',
    `comment on schema rows is 'omnitenant: tenant acme'`,
    /it bears the comment "omnitenant: tenant acme"/,
  ],
] as const;

test.each(refused)(
  '%s keeps a schema from being taken over, and nothing of it is changed',
  async (_what, sql, message) => {
    await using app = await rowApplication();
    await app.admin(`${unprotected}; ${sql}`);
    await using process = await app.start([createTables]);
    const taken = process.orm.sharedTables.takeOver({ rowsOf: 'acme' });
    await expect(taken).rejects.toThrow(message);
    const [schema] = await app.admin(
      `select pg_get_userbyid(nspowner) = current_user as own from pg_namespace where nspname = 'rows'`,
    );
    expect(schema).toEqual({ own: true });
    expect(await app.admin('select count(*)::int from rows.task')).toEqual([{ count: 1 }]);
  },
);

test('a row that refers to another tenant’s row keeps a schema from being taken over', async () => {
  await using app = await rowApplication();
  await app.admin(`create schema rows; set search_path to rows; ${tables.join(';')}; ${log};
    alter table country add tenant_id text not null default 'acme'; alter table task add tenant_id text not null default 'bloom';
    insert into country (code, name) values ('at', ''); insert into task (title, code) values ('', 'at')`);
  await using process = await app.start([createTables]);
  await expect(process.orm.sharedTables.takeOver()).rejects.toThrow(/"task".* refers to another tenant's row/);
});

test('what a login may not give away is said, as the SQL that its owner has to run', async () => {
  await using app = await rowApplication();
  await app.admin(unprotected);
  await app.admin(`do $$ begin create role "${app.name}_app" login createrole; exception when duplicate_object then null; end $$; grant "${app.name}_app" to current_user;
    create schema if not exists central authorization "${app.name}_app"; grant create on database "${app.name}" to "${app.name}_app"`);
  const url = new URL(app.url);
  url.username = `${app.name}_app`;
  await using process = await app.start([createTables], { config: { clientUrl: url.href } });
  await expect(process.orm.sharedTables.takeOver({ rowsOf: 'acme' })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringMatching(/Have their owner or a superuser run this.*grant usage, create on schema rows to/),
  });
});

test('taking over once more changes nothing but what is not protected yet', async () => {
  await using app = await rowApplication();
  await using process = await app.start([createTables]);
  for (const id of ['acme', 'bloom']) {
    await process.tenancy.tenants.create({ id });
    await process.sql(id, `insert into country values ('at', 'of ${id}')`);
  }
  await app.admin('create table note (body text); alter table task disable row level security', 'owner');
  expect(await process.orm.sharedTables.takeOver()).toEqual({ schema: 'rows', tenants: [], unclaimed: [] });
  await process.sql('acme', `insert into note values ('private')`);
  expect(await process.sql('bloom', 'select * from note')).toEqual([]);
  expect(await process.orm.sharedTables.examine()).toMatchObject([{ open: [], closed: [] }]);
});

test('who adopts the rows of tables without a log of migrations says which migrations these have', async () => {
  await using app = await rowApplication();
  await app.admin(`${unprotected}; drop table mikro_orm_migrations`);
  await using process = await app.start([createTables, migration('Next', 'alter table task add column done boolean')]);
  await process.orm.sharedTables.takeOver({ rowsOf: 'acme' });
  await process.tenancy.tenants.adopt({ id: 'acme' }, { at: 'CreateTables' });
  expect(await process.sql('acme', 'select title, done from task')).toEqual([{ title: 'of acme', done: null }]);
  await process.tenancy.tenants.create({ id: 'bloom' });
  expect(await process.sql('bloom', 'select title, done from task')).toEqual([]);
});

test('tables that stay in use are waited for, but not for ever, and the error names who uses them', async () => {
  await using app = await rowApplication();
  await using process = await app.start([createTables]);
  await process.tenancy.tenants.create({ id: 'acme' });
  const user = new pg.Client({ connectionString: app.url, application_name: 'a report' });
  await user.connect();
  try {
    await app.admin('alter table task disable row level security', 'owner');
    await user.query(
      `begin; set local role "${app.name}_rows_tenants_owner"; lock table rows.task in access share mode`,
    );
    const taking = process.orm.sharedTables.takeOver({ waitMs: 900 });
    await expect(taking).rejects.toMatchObject({
      code: 'MIGRATE_FAILED',
      message: expect.stringMatching(
        /stayed in use for 0\.9 seconds.*process \d+ of "\w+" \(a report\), idle in transaction since \d+ s, which holds rows\.task/,
      ),
    });
    const later = process.orm.sharedTables.takeOver();
    await user.query('commit');
    await later;
    await user.query(`begin; select pg_advisory_xact_lock(hashtextextended('omnitenant:rows:rows', 0))`);
    await expect(process.orm.sharedTables.takeOver({ waitMs: 1 })).rejects.toThrow(
      /holds the right to change the schema/,
    );
  } finally {
    await user.end();
  }
});
