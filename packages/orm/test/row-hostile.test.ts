import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rowWall } from '../src/placement/row-login.ts';
import { sharedPlacement } from '../src/placement/shared-placement.ts';
import { signedPinOf } from '../src/session/pin.ts';
import { generateCredentialsKey } from '../src/vault/keys.ts';
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
  'drop owned by current_user',
  'reassign owned by current_user to public',
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

/** What would reach others' rows without a login of their own, and what only a connection can try. */
const beyondRoles = [
  `select set_config('omnitenant.tenant', 'bloom', true); select * from rows.task`,
  `set omnitenant.tenant to 'bloom'; select * from rows.task`,
  `set omnitenant.tenant to 'bloom'; set omnitenant.proof to ''; update rows.task set title = 'taken'`,
  `select query_to_xml($q$select set_config('omnitenant.tenant', 'bloom', true)$q$, true, false, ''), query_to_xml('select * from rows.task', true, false, '')`,
  `do $$ declare t text; begin perform set_config('omnitenant.tenant', 'bloom', true); select string_agg(title, ',') into t from rows.task; raise exception '%', t; end $$`,
  'do $$ begin commit; perform set_config($q$omnitenant.tenant$q$, $q$bloom$q$, false); delete from rows.task; end $$',
  `insert into rows.task (title) select set_config('omnitenant.tenant', 'bloom', true)`,
  `with taken as materialized (select set_config('omnitenant.tenant', 'bloom', true)) insert into rows.task (title) select 'planted' from taken`,
  `update rows.task set tenant_id = set_config('omnitenant.tenant', 'bloom', true)`,
  `commit; select * from rows.task`,
  `commit and chain; set omnitenant.tenant to 'bloom'; delete from rows.task`,
  'rollback; begin; select * from rows.task',
  'reset all; select * from rows.task',
  'discard all',
  'deallocate all; select * from rows.task',
  `deallocate pin; prepare pin as select set_config('omnitenant.tenant', 'bloom', true); execute pin; select * from rows.task`,
  `create temporary table task as select 'of acme' as title; select * from rows.task`,
  `set search_path to pg_temp, rows; create function pg_temp.omnitenant_tenant() returns text language sql as $$ select 'bloom' $$; select * from rows.task`,
  `create function pg_temp.sha256(bytea) returns bytea language sql as $$ select ''::bytea $$; set search_path to pg_temp, pg_catalog; set omnitenant.tenant to 'bloom'; select * from rows.task`,
  `create function pg_temp.look(text) returns boolean language plpgsql cost 0.0000001 as $$ begin raise notice '%', $1; return true; end $$; select * from rows.task where pg_temp.look(title)`,
  `create view pg_temp.seen as select * from rows.task; set omnitenant.tenant to 'bloom'; select * from pg_temp.seen`,
  `create function pg_temp.definer() returns setof rows.task language sql security definer as $$ select * from rows.task $$; select set_config('omnitenant.tenant', 'bloom', true); select * from pg_temp.definer()`,
  `create procedure pg_temp.leave() language plpgsql as $$ begin commit; perform set_config('omnitenant.tenant', 'bloom', false); update rows.task set title = 'taken'; end $$; commit; call pg_temp.leave()`,
  `declare c cursor with hold for select * from rows.task; commit; set omnitenant.tenant to 'bloom'; fetch all c`,
  'set row_security to off; select * from rows.task',
  'alter role current_user set row_security to off',
  'drop owned by current_user; select * from rows.task',
  `create temporary table task (title text) inherits (rows.task)`,
  `create temporary table mine (like rows.task including all); create rule _RETURN as on select to mine do instead select * from rows.task`,
  `create temporary view mine with (security_barrier, security_invoker = off) as select * from rows.task; grant select on mine to public; select * from mine`,
  `create trigger mine before update on rows.task for each row execute function suppress_redundant_updates_trigger()`,
  `create operator pg_temp.=== (leftarg = text, rightarg = text, function = texteq, restrict = eqsel); select * from rows.task where title operator(pg_temp.===) 'of bloom'`,
  `create domain pg_temp.shown as text check (pg_temp.look(value)); select title::pg_temp.shown from rows.task`,
  `select * from rows.task tablesample system (100)`,
  `select * from rows.task where ctid = any (array['(0,1)', '(0,2)', '(0,3)']::tid[])`,
  `select * from rows.task for update; select pg_export_snapshot()`,
  `prepare transaction 'mine'`,
  'listen news; notify news',
  `select currval('rows.task_id_seq')`,
  `create publication mine for table rows.task`,
  `create statistics rows.mine on title, tenant_id from rows.task`,
  `select * from rows.task_id_seq`,
  `merge into rows.task t using (values ('of bloom')) v(title) on t.title = v.title when not matched then insert (tenant_id, title) values ('bloom', 'planted')`,
  `with moved as (update rows.task set title = title returning *) insert into rows.task (tenant_id, title) select 'bloom', title from moved`,
  `insert into rows.task (id, title) select 1, 'x' on conflict (tenant_id, id) do update set title = rows.task.title || excluded.title returning *`,
  `alter table rows.task set schema pg_temp`,
  `create table pg_temp.part partition of rows.event for values in ('de')`,
  `set session_replication_role to replica; delete from rows.task`,
  `set default_transaction_read_only to off; set local role none; reset session authorization; select * from rows.task`,
  'copy rows.task to stdout',
  'copy (select * from rows.task) to stdout',
  `copy rows.task (tenant_id, title) from program 'echo'`,
  'set role "$_rows_tenants_owner"; select * from rows.task',
  'set role "$_rows_tenants_changes"; select * from rows.task',
  'set local role "$_rows_tenants_login"',
  'set session authorization "$"',
  `select set_config('role', '$_rows_tenants_owner', true); select * from rows.task`,
  'reset role; select * from rows.task',
  'grant "$_rows_tenants_owner" to current_user',
  'select * from rows.omnitenant_secrets',
  'update rows.omnitenant_secrets set inner_pad = outer_pad',
  `select prosrc from pg_proc where proname = 'omnitenant_tenant'; select rows.omnitenant_tenant()`,
  `set omnitenant.tenant to 'bloom'; select rows.omnitenant_tenant()`,
  'create or replace function rows.omnitenant_tenant() returns text language sql as $$ select null::text $$',
  'alter function rows.omnitenant_tenant() security invoker',
  'select * from central.tenant',
  'select * from central.tenant_domain',
  'select * from t_schematic.task',
  'set search_path to t_schematic; select * from task',
  'create schema mine; create table mine.copied as select * from rows.task',
  'select query from pg_stat_activity',
  'select most_common_vals from pg_stats',
  `select lo_import('/etc/passwd')`,
  `select lo_get(4242)`,
  `select pg_read_file('pg_hba.conf')`,
  `select * from dblink('', 'select 1') as t(n int)`,
  `explain (analyze, verbose) select * from rows.task where title like 'of%'`,
  `insert into rows.task (id, title) select id, 'x' from rows.task on conflict do nothing returning *`,
  `merge into rows.task t using (values ('of bloom')) v(title) on t.title = v.title when matched then delete`,
  'analyze rows.task; select histogram_bounds from pg_stats',
];

describe.each([
  { how: 'as they are', roles: false, isWalled: false },
  { how: 'with roles', roles: true, isWalled: false },
  { how: 'with a login of their own', roles: false, isWalled: true },
])('hostile SQL in a tenant, $how', ({ roles, isWalled }) => {
  const keys = generateCredentialsKey();
  let app: RowApplication;
  let process: RowProcess;
  beforeAll(async () => {
    app = await rowApplication();
    process = await app.start([createTables], {
      options: {
        roles,
        names: { role: (id) => `${app.name}_${id}` },
        ...(isWalled && { rows: { password: 'tenants', keys } }),
      },
    });
    for (const id of ['acme', 'bloom']) {
      await process.tenancy.tenants.create({ id });
      await process.sql(id, `insert into task (title) values ('of ${id}')`);
      await process.sql(id, `insert into event values ('eu', 'of ${id}')`);
    }
    await process.tenancy.tenants.create({ id: 'schematic', isolation: 'schema' });
    await process.sql('schematic', `insert into task (title) values ('of schematic')`);
    await app.admin(`select lo_from_bytea(4242, 'of bloom')`);
    for (const { sql } of await process.orm.sharedTables.examine()) {
      for (const statement of sql) await app.admin(statement, 'superuser');
    }
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

  test.runIf(isWalled)('nothing that is sent over a connection of their login reaches a row of others', async () => {
    const acme = sharedPlacement(await process.tenancy.tenants.get('acme'));
    const proof = rowWall({ keys })?.proofOf(acme) ?? '';
    const [pin] = signedPinOf(acme, { rowsOf: 'acme', proof }) as [{ text: string; values: string[] }];
    const url = new URL(app.url);
    url.username = acme.role;
    url.password = 'tenants';
    const client = new pg.Client({ connectionString: url.href });
    await client.connect();
    let shown: unknown[] = [];
    client.on('notice', ({ message }) => shown.push(message));
    const before = await others();
    const reached: unknown[] = [];
    try {
      for (const line of [...hostile, ...beyondRoles]) {
        const sql = line.replaceAll('"$', `"${app.name}`).replaceAll(`'$`, `'${app.name}`);
        shown = [];
        for (const text of ['begin', pin, sql, 'select * from rows.task', 'rollback', 'discard all']) {
          await client.query(text).then(
            (result) => shown.push(...[result].flat().map(({ rows }) => rows)),
            ({ message, detail, where }) => shown.push(message, detail, where === undefined ? '' : 'elsewhere'),
          );
        }
        if (/of (?:bloom|schematic)/.test(JSON.stringify(shown).replaceAll("'of bloom'", '')))
          reached.push([line, shown]);
        if (JSON.stringify(await others()) !== JSON.stringify(before)) reached.push([line, 'changed']);
      }
    } finally {
      await client.end();
    }
    expect(reached).toEqual([]);
  });

  /** The rows of the other tenants, as a superuser reads them. */
  function others() {
    return app.admin(
      `select 'task' as of, tenant_id, title from rows.task where tenant_id <> 'acme'
       union all select 'event', tenant_id, name from rows.event where tenant_id <> 'acme'
       union all select 'schematic', '', title from t_schematic.task order by 1, 2, 3`,
      'superuser',
    );
  }

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
