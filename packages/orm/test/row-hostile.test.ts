import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { migration, type RowApplication, type RowProcess, rowApplication } from './fixtures/row-application.ts';

const createTables = migration('CreateTables', [
  'create table task (id serial primary key, title text not null, published boolean not null default true)',
  'create table event (region text not null, name text not null) partition by list (region)',
  `create table event_eu partition of event for values in ('eu')`,
  'create view title as select title from task',
  'create function titles() returns setof text language sql stable as $$ select title from task $$',
]);

/** What hostile SQL in a tenant's scope may try. Nobody else's row is in the answer, and none is changed. */
const hostile = [
  'select * from task',
  'select * from title',
  'select * from titles()',
  'select * from rows.task where tenant_id <> $$acme$$',
  'select * from event_eu',
  'select * from only event',
  'select * from rows.omnitenant_former_tenants',
  'select * from mikro_orm_migrations',
  'delete from mikro_orm_migrations',
  'select * from central.tenant',
  'select * from t_schematic.task',
  'set row_security to off',
  'set session row_security to off; select * from task',
  'select * into copied from task',
  'create table copied as select * from task',
  'create temporary table copied as select * from task',
  'explain analyze create table copied as select * from task',
  'create view copied as select * from task',
  'create materialized view copied as select * from task',
  'create policy mine on task using (true)',
  'alter table task disable row level security',
  'alter table task no force row level security',
  'alter table task owner to current_user',
  'alter policy omnitenant on task using (true)',
  'drop policy omnitenant on task',
  'grant all on task to public',
  'truncate task',
  'lock table task',
  `select setval('task_id_seq', 1)`,
  'select * from task_id_seq',
  'comment on table task is $$mine$$',
  'create function steal() returns void language sql as $$ select 1 $$',
  `update task set tenant_id = 'bloom'`,
  `insert into task (tenant_id, title) values ('bloom', 'planted')`,
  `insert into task (title) values ('x') on conflict (tenant_id, id) do update set tenant_id = 'bloom'`,
  'update task set title = $$taken$$',
  'delete from event',
  `select query_to_xml('select * from rows.task', true, false, '')`,
  `select database_to_xml(true, false, '')`,
  'copy task to stdout',
  'prepare theirs as select * from task',
  'declare theirs cursor with hold for select * from task',
  'do $$ begin alter table rows.task disable row level security; end $$',
  'vacuum full task',
  'cluster task using task_pkey',
  'reindex table task',
  `select lo_from_bytea(7, 'x')`,
  `select lo_get(7)`,
  `select pg_read_file('/etc/passwd')`,
  `select pg_stat_reset()`,
  'select pg_terminate_backend(1)',
  'alter role current_user bypassrls',
  'select * from pg_authid',
  'alter default privileges grant select on tables to public',
];

describe.each([false, true])('hostile SQL in a tenant, with roles: %s', (roles) => {
  let app: RowApplication;
  let process: RowProcess;
  beforeAll(async () => {
    app = await rowApplication();
    process = await app.start([createTables], {
      options: { roles, names: { role: (id) => `${app.name}_${id}` } },
    });
    for (const id of ['acme', 'bloom']) {
      await process.tenancy.tenants.create({ id });
      await process.sql(id, `insert into task (title) values ('of ${id}')`);
      await process.sql(id, `insert into event values ('eu', 'of ${id}')`);
    }
    await process.tenancy.tenants.create({ id: 'schematic', isolation: 'schema' });
  });
  afterAll(() => app[Symbol.asyncDispose]());

  test.each(hostile)('%s', async (sql) => {
    const answer = await process.sql('acme', sql).catch((error: Error) => error);
    const { message } = answer as Error;
    expect(JSON.stringify(answer)).not.toContain('bloom');
    if (message !== undefined && sql.includes('task')) expect(message).not.toContain('of bloom');
    expect(await process.sql('bloom', 'select title from task')).toEqual([{ title: 'of bloom' }]);
    expect(await process.sql('bloom', 'select name from event')).toEqual([{ name: 'of bloom' }]);
    const [table] = await app.admin(`select relrowsecurity as on from pg_class where oid = 'task'::regclass`, 'owner');
    expect(table).toEqual({ on: true });
  });

  test('what is made at run time is read by nobody, whoever makes it', async () => {
    await app.admin(
      `create table leaked as select * from task; create view seen as select * from task;
       create materialized view kept as select * from task; create table event_us partition of event for values in ('us')`,
      'owner',
    );
    try {
      for (const name of ['leaked', 'seen', 'kept', 'event_us']) {
        await expect(process.sql('acme', `select * from ${name}`)).rejects.toThrow(/permission denied/);
      }
      await process.sql('acme', `insert into event values ('us', 'of acme')`);
      expect(await process.sql('bloom', 'select name from event')).toEqual([{ name: 'of bloom' }]);
    } finally {
      await app.admin('drop materialized view kept; drop view seen; drop table leaked', 'owner');
    }
  });
});
