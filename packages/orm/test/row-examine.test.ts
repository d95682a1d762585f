import { expect, test } from 'vitest';
import { migration, type RowApplication, rowApplication } from './fixtures/row-application.ts';

const createTask = migration('CreateTask', 'create table task (id serial primary key, title text not null)');

async function fill(app: RowApplication) {
  const process = await app.start([createTask]);
  for (const id of ['acme', 'bloom']) {
    await process.tenancy.tenants.create({ id });
    await process.sql(id, `insert into task (title) values ('of ${id}')`);
  }
  return process;
}

/** What somebody may do to a shared schema, and what is said of it. */
const changes = [
  ['alter table task disable row level security', /rows\.task: its row-level security is off/],
  ['alter policy omnitenant on task using (true)', /rows\.task: its policies/],
  [
    `alter policy omnitenant on task with check (tenant_id = current_setting('omnitenant.tenant', true))`,
    /rows\.task: its policies/,
  ],
  ['alter function omnitenant_writing_tenant() security invoker', /omnitenant_writing_tenant: it refuses/],
  ['create table note (body text); grant select on note to public', /rows\.note: it has no column "tenant_id"/],
  ['create view titles as select title from task; grant select on titles to public', /rows\.titles: it reads/],
  ['grant truncate on task to public', /rows\.task: a tenant may empty it/],
  ['grant update on sequence task_id_seq to public', /rows\.task_id_seq: a tenant may set it/],
  ['create unique index title on task (title)', /rows\.task: its key "title"/],
  [
    'create function peek() returns bigint language sql security definer as $$ select count(*) from rows.task $$',
    /peek\(\): it is security definer.*alter routine/,
  ],
  [
    'superuser: create table rows.note (body text); grant select on rows.note to public',
    /rows\.note: .*alter table rows\.note owner to/,
  ],
  [
    'superuser: alter schema rows owner to current_user',
    /the schema: it belongs to the role.*alter schema "rows" owner to/,
  ],
  [
    'superuser: alter role "$_rows_tenants" bypassrls',
    /the role "\S+" is a superuser or bypasses row-level security: alter role/,
  ],
  [
    'superuser: grant pg_read_all_data to "$_rows_tenants"',
    /is a member of "pg_read_all_data": revoke pg_read_all_data from/,
  ],
  [
    'superuser: create view public.report as select * from rows.task; grant select on public.report to public',
    /^public\.report: it reads shared tables with the rights of its owner.*: revoke all on public\.report from public/,
  ],
  [
    'superuser: create view public.inner_report as select * from rows.task; create materialized view public.report as select * from public.inner_report; grant select on public.report to public',
    /^public\.report: it reads shared tables/,
  ],
  [
    'alter default privileges grant select on tables to public',
    /the schema: what "\S+_owner" makes in it is granted to everybody by default/,
  ],
  [
    'superuser: alter default privileges in schema rows grant usage, update on sequences to public',
    /by default: alter default privileges for role \S+ in schema rows revoke all on sequences from public/,
  ],
] as const;

test.each(changes)('after "%s", the report says what is open, and its SQL closes it', async (sql, message) => {
  await using app = await rowApplication();
  await using process = await fill(app);
  const text = sql.replace('$_', `${app.name}_`);
  if (text.startsWith('superuser: ')) await app.admin(text.slice(11), 'superuser');
  else await app.admin(text, 'owner');
  const { sharedTables } = process.orm;
  const [found] = await sharedTables.examine();
  expect(found).toMatchObject({ schema: 'rows', tenants: 2 });
  expect(found?.open.join()).toMatch(message);

  // What becomes the owner's is looked at again.
  for (let round = 0; round < 3; round += 1) {
    const [{ sql: remedies } = { sql: [] }] = await sharedTables.examine();
    for (const remedy of remedies) await app.admin(remedy, 'superuser');
  }
  expect(await sharedTables.examine()).toMatchObject([{ open: [], closed: [], sql: [] }]);
  await using after = await app.start([createTask]);
  expect(await after.sql('acme', 'select title from task')).toEqual([{ title: 'of acme' }]);
});

test('a report changes nothing, and lists what no tenant can reach apart', async () => {
  await using app = await rowApplication();
  await using process = await fill(app);
  await app.admin('create table note (body text)', 'owner');
  const first = await process.orm.sharedTables.examine();
  expect(first).toMatchObject([{ open: [], closed: [expect.stringContaining('rows.note')] }]);
  expect(await process.orm.sharedTables.examine()).toEqual(first);
});

test('a role that is gone is named, with the SQL that makes it', async () => {
  await using app = await rowApplication();
  await using process = await fill(app);
  const changesRole = `"${app.name}_rows_tenants_changes"`;
  await app.admin(`drop owned by ${changesRole}; drop role ${changesRole}`, 'superuser');
  const [found] = await process.orm.sharedTables.examine();
  expect(found).toMatchObject({ open: ['one of its roles is missing'] });
  for (const sql of found?.sql ?? []) await app.admin(sql, 'superuser');
  await process.orm.sharedTables.takeOver();
  expect(await process.orm.sharedTables.examine()).toMatchObject([{ open: [], closed: [] }]);
});

test('before the first tenant, what a database administrator has to run is said, and is enough', async () => {
  await using app = await rowApplication();
  const login = `${app.name}_app`;
  await app.admin(
    `create role "${login}" login password 'app'; create schema central authorization "${login}"; grant create on database "${app.name}" to "${login}"`,
    'superuser',
  );
  const url = new URL(app.url);
  url.username = login;
  url.password = 'app';
  await using process = await app.start([createTask], { config: { clientUrl: url.href } });
  const [found] = await process.orm.sharedTables.examine();
  expect(found).toMatchObject({ tenants: 0, open: [], closed: [expect.stringContaining('may not create roles')] });
  await expect(process.tenancy.tenants.create({ id: 'acme' })).rejects.toMatchObject({
    cause: { code: 'CONFIG_INVALID' },
  });
  for (const sql of found?.sql ?? []) await app.admin(sql, 'superuser');
  await process.tenancy.tenants.create({ id: 'acme' });
  await process.sql('acme', `insert into task (title) values ('mine')`);
  expect(await process.orm.sharedTables.examine()).toMatchObject([{ tenants: 1, open: [], closed: [], sql: [] }]);
});
