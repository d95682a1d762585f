import { expect, test } from 'vitest';
import { migration, rowApplication } from './fixtures/row-application.ts';

const createTask = migration('CreateTask', 'create table task (id serial primary key, title text not null)');

/** What somebody may do to shared tables past their migrations, and what a process that starts afterwards says. */
const changes = [
  ['alter table task disable row level security', /rows\.task: its row-level security is off/],
  ['drop policy omnitenant on task', /rows\.task: its policies/],
  ['alter policy omnitenant on task using (true)', /rows\.task: its policies/],
  [
    `alter policy omnitenant on task with check (tenant_id = current_setting('omnitenant.tenant', true))`,
    /rows\.task: its policies/,
  ],
  [
    `create or replace function omnitenant_writing_tenant() returns text language sql as $$ select current_setting('omnitenant.tenant', true) $$`,
    /omnitenant_writing_tenant: it refuses what removed tenants write, and was changed/,
  ],
  ['alter table task alter tenant_id drop default', /rows\.task: it has its own column "tenant_id"/],
  ['alter table task alter tenant_id drop not null', /rows\.task: it has its own column "tenant_id"/],
  ['create table note (body text); grant select on note to public', /rows\.note: it has no column "tenant_id"/],
  [
    'create view titles as select title from task; grant select on titles to public',
    /rows\.titles: it reads with the rights/,
  ],
  ['grant truncate on task to public', /rows\.task: a tenant may empty it/],
  ['grant update on sequence task_id_seq to public', /rows\.task_id_seq: a tenant may set it/],
  ['create unique index title on task (title)', /rows\.task: its key "title" is one for all tenants/],
  [
    'create table note (task int references task (id)); grant insert on note to public',
    /rows\.note: .*(?:foreign key|no column)/,
  ],
  [
    'create function peek() returns bigint language sql security definer as $$ select count(*) from rows.task $$',
    /peek\(\): it is security definer/,
  ],
  ['create rule r as on insert to task do also select 1', /rows\.task: it has a rule/],
] as const;

test.each(changes)('after "%s", a process that starts serves nobody and says why', async (sql, message) => {
  await using app = await rowApplication();
  await using before = await app.start([createTask]);
  for (const id of ['acme', 'bloom']) {
    await before.tenancy.tenants.create({ id });
    await before.sql(id, `insert into task (title) values ('of ${id}')`);
  }
  await app.admin(sql, 'owner');
  await using after = await app.start([createTask]);
  await expect(after.sql('acme', 'select title from task')).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringMatching(message),
  });
});

test('what nobody was granted keeps nobody from being served', async () => {
  await using app = await rowApplication();
  await using before = await app.start([createTask]);
  await before.tenancy.tenants.create({ id: 'acme' });
  await app.admin('create table unfinished (body text)', 'owner');
  await using after = await app.start([createTask]);
  expect(await after.sql('acme', 'select title from task')).toEqual([]);
  await expect(after.sql('acme', 'select * from unfinished')).rejects.toThrow(/permission denied/);
});

test('the next migration protects what was made past it', async () => {
  await using app = await rowApplication();
  await using before = await app.start([createTask]);
  for (const id of ['acme', 'bloom']) await before.tenancy.tenants.create({ id });
  await app.admin('create table note (body text)', 'owner');
  await using after = await app.start([createTask, migration('Next', 'select 1')]);
  expect((await after.orm.migrations.up()).failed).toEqual([]);
  await after.sql('acme', `insert into note values ('private')`);
  expect(await after.sql('bloom', 'select * from note')).toEqual([]);
});

test('a successor finds nothing of the tenant before it, nor does who still holds the former record', async () => {
  await using app = await rowApplication();
  await using process = await app.start([createTask]);
  const former = await process.tenancy.tenants.create({ id: 'acme' });
  await process.sql('acme', `insert into task (title) values ('of the first')`);
  await process.tenancy.tenants.remove('acme');
  const next = await process.tenancy.tenants.create({ id: 'acme' });
  await process.sql('acme', `insert into task (title) values ('of the second')`);
  expect([former.placement['key'], next.placement['key']]).toEqual(['acme', 'acme~2']);
  expect(await process.sql('acme', 'select title from task')).toEqual([{ title: 'of the second' }]);
  expect(
    await app.admin(
      `set role "${former.placement['role']}"; set omnitenant.tenant to 'acme'; select title from rows.task`,
    ),
  ).toEqual([]);
});

test('a removal takes what triggers write meanwhile, and nobody else’s rows', async () => {
  const audited = migration('Audited', [
    'create table audit (id serial primary key, what text)',
    `create function audit() returns trigger language plpgsql as $$ begin
       insert into audit (what) values ('gone'); update audit set what = 'seen'; return null; end $$`,
    'create trigger audits after delete on task for each row execute function audit()',
  ]);
  await using app = await rowApplication();
  await using process = await app.start([createTask, audited]);
  for (const id of ['acme', 'bloom']) {
    await process.tenancy.tenants.create({ id });
    await process.sql(id, `insert into task (title) values ('of ${id}'); insert into audit (what) values ('begun')`);
  }
  await process.tenancy.tenants.remove('acme');
  expect(await app.admin('select tenant_id, what from audit', 'owner')).toEqual([
    { tenant_id: 'bloom', what: 'begun' },
  ]);
});

test('policies of the application narrow what a tenant sees, in migrations as anywhere, and keep nothing from its removal', async () => {
  const narrowed = migration('Narrowed', [
    'alter table task add column published boolean not null default false',
    'alter table task enable row level security',
    'alter table task force row level security',
    'create policy published on task for select using (published)',
    'create policy writers on task for insert with check (true)',
    'create policy nobody on task for delete using (false)',
  ]);
  await using app = await rowApplication();
  await using process = await app.start([createTask, narrowed]);
  for (const id of ['acme', 'bloom']) {
    await process.tenancy.tenants.create({ id });
    await process.sql(id, `insert into task (title) values ('draft of ${id}')`);
    await process.sql(id, `insert into task (title, published) values ('of ${id}', true)`);
  }
  expect(await process.sql('acme', 'select title from task')).toEqual([{ title: 'of acme' }]);
  await process.sql('acme', 'delete from task');
  expect(await process.sql('acme', 'select title from task')).toEqual([{ title: 'of acme' }]);
  await process.tenancy.tenants.remove('acme');
  expect(await app.admin('select title from task order by id', 'owner')).toEqual([
    { title: 'draft of bloom' },
    { title: 'of bloom' },
  ]);
});

test('a schema that is there, and was not made for this, is refused', async () => {
  await using app = await rowApplication();
  await app.admin('create schema rows; create table rows.task (title text)');
  await using process = await app.start([createTask]);
  await expect(process.tenancy.tenants.create({ id: 'acme' })).rejects.toMatchObject({
    cause: { message: expect.stringMatching(/"rows" exists, and was not made for the tenants that share tables/) },
  });
});

test('an index that is gone keeps nobody from being served, and is reported', async () => {
  await using app = await rowApplication();
  await using before = await app.start([createTask]);
  await before.tenancy.tenants.create({ id: 'acme' });
  await app.admin('alter table task drop constraint task_omnitenant_key', 'owner');
  await using after = await app.start([createTask]);
  expect(await after.sql('acme', 'select title from task')).toEqual([]);
  expect(await after.orm.sharedTables.examine()).toMatchObject([
    { open: [], closed: [/./, /./].map(() => expect.any(String)) },
  ]);
});
