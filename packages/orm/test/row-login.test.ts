import { Socket } from 'node:net';
import { defineEntity, p } from '@mikro-orm/core';
import { defineConfig } from '@mikro-orm/pglite';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { scramVerifier } from '../src/isolation/scram-verifier.ts';
import { createOrm } from '../src/orm.ts';
import { rowWall } from '../src/placement/row-login.ts';
import { sharedPlacement } from '../src/placement/shared-placement.ts';
import { signedPinOf } from '../src/session/pin.ts';
import { generateCredentialsKey } from '../src/vault/keys.ts';
import { migration, type RowApplication, type RowProcess, rowApplication } from './fixtures/row-application.ts';

const Task = defineEntity({ name: 'Task', properties: { id: p.integer().primary(), title: p.string() } });
const createTask = migration('CreateTask', 'create table task (id serial primary key, title text not null)');
const keys = generateCredentialsKey();
const rows = { password: 'tenants', keys };
const asked = { keys, password: async () => rows.password };

async function fill({ tenancy, sql }: RowProcess): Promise<void> {
  for (const id of ['acme', 'bloom']) {
    await tenancy.tenants.create({ id });
    await sql(id, `insert into task (title) values ('of ${id}')`);
  }
}

describe('tenants that share tables, with a login of their own', () => {
  let app: RowApplication;
  let process: RowProcess;
  beforeAll(async () => {
    app = await rowApplication();
    process = await app.start([createTask], {
      entities: [Task],
      options: { rows: asked },
      config: { pool: { max: 2 } },
    });
    await fill(process);
    await process.tenancy.tenants.create({ id: 'schematic', isolation: 'schema' });
    await process.sql('schematic', `insert into task (title) values ('of schematic')`);
  });
  afterAll(() => app[Symbol.asyncDispose]());

  const role = () => `${app.name}_rows_tenants`;

  /** A connection of the login in a tenant, past this package. */
  async function connection(tenant = 'acme'): Promise<pg.Client> {
    const url = new URL(app.url);
    url.username = role();
    url.password = rows.password;
    const client = new pg.Client({ connectionString: url.href });
    await client.connect();
    const placement = sharedPlacement(await process.tenancy.tenants.get(tenant));
    const proof = rowWall(rows)?.proofOf(placement) ?? '';
    const [pin] = signedPinOf(placement, { rowsOf: placement.key, proof }) as [{ text: string; values: string[] }];
    await client.query('begin');
    await client.query(pin);
    return client;
  }

  test('its connections are a member of nothing, and have rights on the shared tables only', async () => {
    const [found] = await process.sql(
      'acme',
      `select session_user as login, current_user as role,
         array(select rolname::text from pg_roles where rolname <> session_user and pg_has_role(session_user, oid, 'member')) as member,
         array(select nspname::text from pg_namespace where nspname !~ '^pg_|^information_schema' and has_schema_privilege(oid, 'usage')
           and nspname not in ('public', 'extensions')) as schemas,
         array(select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = relnamespace where nspname !~ '^pg_|^information_schema'
           and relkind in ('r', 'p', 'v', 'm') and has_any_column_privilege(c.oid, 'select, insert, update')) as tables,
         (select rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication or not rolcanlogin from pg_roles where rolname = session_user) as may`,
    );
    const own = { login: role(), role: role(), member: [], schemas: ['rows'], tables: ['task'], may: false };
    expect(found).toEqual(own);
    expect(await process.orm.sharedTables.examine()).toMatchObject([{ wall: 'on', open: [] }]);
  });

  test('a proof holds for its own tenant, and stands in no text that others of the login could read', async () => {
    const client = await connection('bloom');
    try {
      const texts = await app.admin(`select query from pg_stat_activity where usename = '${role()}'`, 'superuser');
      expect((await client.query('select title from rows.task')).rows).toEqual([{ title: 'of bloom' }]);
      const found = await client.query<{ proof: string }>(`select current_setting('omnitenant.proof') as proof`);
      const { proof = '' } = found.rows[0] ?? {};
      expect(proof).toMatch(/^[\da-f]{64}$/);
      expect(JSON.stringify(texts)).toContain('set_config');
      expect(JSON.stringify(texts)).not.toContain(proof);
      await client.query(`select set_config('omnitenant.tenant', 'acme', true)`);
      await expect(client.query('select title from rows.task')).rejects.toThrow('the tenant is not proven');
    } finally {
      await client.end();
    }
  });

  test('a statement finds its tenant once, also where PostgreSQL divides it among processes', async () => {
    const client = await connection();
    try {
      await client.query(
        'set local parallel_setup_cost to 0; set local parallel_tuple_cost to 0; set local min_parallel_table_scan_size to 0; set local enable_bitmapscan to off; set local enable_indexscan to off',
      );
      const { rows: plan } = await client.query('explain (analyze, costs off) select count(*) from rows.task');
      const text = plan.map((line) => line['QUERY PLAN']).join('\n');
      expect(text).toMatch(/Workers Planned: [1-9]/);
      expect(text).toMatch(/InitPlan 1.*\n.*Result.*loops=1\)/);
      expect((await client.query('select count(*)::int as count from rows.task')).rows).toEqual([{ count: 1 }]);
    } finally {
      await client.end();
    }
  });

  test('how many rows others have is seen in plans, and none of their values', async () => {
    const client = await connection();
    try {
      await app.admin(
        `insert into rows.task (tenant_id, title) select 'cedar', 'of cedar' from generate_series(1, 500); analyze rows.task`,
        'superuser',
      );
      await client.query('set local enable_indexscan to off; set local enable_bitmapscan to off');
      const { rows: plan } = await client.query(
        'explain (analyze, costs off, timing off, summary off) select * from rows.task',
      );
      expect(JSON.stringify(plan)).toMatch(/Rows Removed by Filter: 50\d/);
      expect(JSON.stringify(plan)).not.toContain('of cedar');
      expect((await client.query(`select * from pg_stats where tablename = 'task'`)).rows).toEqual([]);
    } finally {
      await client.end();
      await app.admin(`delete from rows.task where tenant_id = 'cedar'`, 'superuser');
    }
  });

  test('reads of many tenants at once, transactions and streams among them, find their own rows', async () => {
    const { tenancy, orm } = process;
    const em = orm.em;
    const sent = vi.spyOn(Socket.prototype, 'write');
    onTestFinished(() => sent.mockRestore());
    const tenants = Array.from({ length: 60 }, (_, n) => (n % 3 === 0 ? 'acme' : 'bloom'));
    async function read(n: number, isMixed: boolean): Promise<string | undefined> {
      if (isMixed && n % 10 === 0) return em.transactional((own) => own.find(Task, {})).then(([task]) => task?.title);
      if (isMixed && n % 10 === 1) for await (const task of em.stream(Task, {})) return task.title;
      const [task] = await em.fork().find(Task, { id: { $lt: 1_000 + n } });
      return task?.title;
    }
    async function round(isMixed: boolean): Promise<void> {
      const titles = await Promise.all(tenants.map((tenant, n) => tenancy.run(tenant, () => read(n, isMixed))));
      expect(titles).toEqual(tenants.map((tenant) => `of ${tenant}`));
    }
    const isShared = () =>
      sent.mock.calls.some(([message]) => Buffer.from(message).includes(`set_config('statement_timeout'`));
    // Plain reads share connections, as without the option, when they have been quick once.
    do await round(false);
    while (!isShared());
    await round(true);
  });

  test('a read that fails leaves nothing to those that share its connection', async () => {
    const { tenancy, orm } = process;
    const em = orm.em;
    const outcomes = await Promise.all(
      Array.from({ length: 24 }, (_, n) =>
        tenancy.run(n % 2 ? 'acme' : 'bloom', async () => {
          const where = n % 4 === 0 ? { id: 'none' as never } : { id: { $gt: 0 } };
          return em
            .fork()
            .find(Task, where)
            .then(
              ([task]) => task?.title,
              () => 'failed',
            );
        }),
      ),
    );
    expect(outcomes).toEqual(Array.from({ length: 24 }, (_, n) => ['failed', 'of acme', 'of bloom', 'of acme'][n % 4]));
  });

  test('migrations, seeds and removals go on as before, and what they make is verified too', async () => {
    await using next = await app.start(
      [
        createTask,
        migration('Note', [
          'create table note (body text)',
          'insert into note select title from task',
          `update task set title = title || '!'`,
        ]),
      ],
      { options: { rows, seed: (em) => em.execute(`insert into task (title) values ('seeded')`) } },
    );
    expect((await next.orm.migrations.up()).failed).toEqual([]);
    expect(await next.sql('acme', 'select body from note')).toEqual([{ body: 'of acme' }]);
    expect(await next.sql('acme', 'select title from task')).toEqual([{ title: 'of acme!' }]);
    await next.tenancy.tenants.create({ id: 'cedar' });
    expect(await next.sql('cedar', 'select title, tenant_id from task')).toEqual([
      { title: 'seeded', tenant_id: 'cedar' },
    ]);
    await next.tenancy.tenants.remove('cedar');
    expect(await app.admin(`select from rows.task where tenant_id = 'cedar'`, 'superuser')).toEqual([]);
    await app.admin(`update rows.task set title = rtrim(title, '!'); drop table rows.note`, 'superuser');
    await app.admin(`delete from rows.mikro_orm_migrations where name = 'Note'`, 'superuser');
  });

  test('large objects, locks, notifications, connections and the password are shared by the tenants of a login', async () => {
    const [acme, bloom] = [await connection(), await connection('bloom')];
    const gone = new Promise((resolve) => bloom.on('error', resolve));
    try {
      await bloom.query('commit; listen news');
      const heard = new Promise((resolve) => bloom.once('notification', ({ payload }) => resolve(payload)));
      await bloom.query(`select lo_from_bytea(99, 'of bloom')`);
      await acme.query('commit; select pg_advisory_lock(7)');
      expect((await acme.query(`select convert_from(lo_get(99), 'UTF8') as text`)).rows).toEqual([
        { text: 'of bloom' },
      ]);
      expect((await bloom.query('select pg_try_advisory_lock(7) as free')).rows).toEqual([{ free: false }]);
      await acme.query(`notify news, 'of acme'`);
      expect(await heard).toBe('of acme');
      const { rows: ended } = await acme
        .query(
          `begin; alter role current_user password 'other'; alter role current_user set row_security to off; rollback;
         select count(pg_terminate_backend(pid))::int as ended from pg_stat_activity where usename = session_user and pid <> pg_backend_pid()`,
        )
        .then((results) => (results as unknown as pg.QueryResult<{ ended: number }>[]).at(-1) ?? { rows: [] });
      expect(ended[0]?.ended).toBeGreaterThan(0);
      await gone;
      await acme.query('select lo_unlink(99)');
    } finally {
      await acme.end();
      await bloom.end().catch(() => {});
    }
  });
});

test('it is turned on for tenants that are served, and its key is replaced, while every statement succeeds', async () => {
  await using app = await rowApplication();
  await using before = await app.start([createTask]);
  await fill(before);
  const next = generateCredentialsKey();
  const start = (given: string) => app.start([createTask], { options: { rows: { ...rows, keys: given } } });

  /** Reads and writes in both tenants through the processes, until `work` is done. */
  async function meanwhile<R>(processes: readonly RowProcess[], work: () => Promise<R>): Promise<R> {
    let isOver = false;
    const load = processes.flatMap(({ sql }) =>
      ['acme', 'bloom'].map(async (id) => {
        do {
          expect(await sql(id, 'select distinct title from task')).toEqual([{ title: `of ${id}` }]);
          await sql(id, `insert into task (title) values ('of ${id}')`);
        } while (!isOver);
      }),
    );
    const done = await work().finally(() => (isOver = true));
    await Promise.all(load);
    return done;
  }
  await using walled = await start(keys);
  await expect(walled.sql('acme', 'select 1')).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringMatching(/nothing verifies them yet: run omnitenant take-over/),
  });
  await meanwhile([before], () => walled.orm.sharedTables.takeOver());
  expect(await walled.orm.sharedTables.examine()).toMatchObject([{ wall: 'on', open: [] }]);
  expect(await before.orm.sharedTables.examine()).toMatchObject([{ wall: 'off', open: [] }]);
  // Both kinds of processes serve, and one that starts as it was.
  await using late = await app.start([createTask]);
  await meanwhile([before, walled, late], async () => {});
  // What has no key leaves the wall as it is.
  await meanwhile([before, walled], () => late.orm.sharedTables.takeOver());

  await using announced = await start(`${keys},${next}`);
  await meanwhile([walled], () => announced.orm.sharedTables.takeOver());
  await using rotated = await start(`${next},${keys}`);
  await meanwhile([walled, announced, rotated], async () => {});
  await using last = await start(next);
  await meanwhile([rotated], () => last.orm.sharedTables.takeOver());
  await meanwhile([rotated, last], async () => {});
  await expect(walled.sql('acme', 'select title from task')).rejects.toThrow('the tenant is not proven');
  await using behind = await start(keys);
  await expect(behind.sql('acme', 'select 1')).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringMatching(/does not get there: the tenant is not proven.*accepts the keys of rows\.keys/),
  });
});

/** What somebody may do to the login and to what verifies its tenants. */
const changes = [
  ['superuser', 'alter role "$_rows_tenants" createdb', /may create roles or databases/],
  ['superuser', 'grant usage on schema central to "$_rows_tenants"', /may use the schema "central"/],
  ['superuser', 'grant usage on schema t_schematic to public', /may use the schema "t_schematic"/],
  ['superuser', 'grant create on schema public to public', /may create objects in the schema "public"/],
  [
    'superuser',
    'create trusted language other handler plpgsql_call_handler inline plpgsql_inline_handler validator plpgsql_validator',
    /may write functions in other, whose state outlives/,
  ],
  ['superuser', 'grant create on database "$" to "$_rows_tenants"', /may create schemas/],
  ['superuser', 'grant "$_rows_tenants_owner" to "$_rows_tenants"', /is a member of "\S+_owner"/],
  [
    'owner',
    'create or replace function omnitenant_tenant() returns text language sql stable as $$ select null::text $$',
    /omnitenant_tenant: it verifies the tenants, and was changed/,
  ],
  ['owner', 'alter function omnitenant_tenant() reset all', /omnitenant_tenant: it verifies/],
  ['owner', 'alter function omnitenant_tenant() security invoker', /omnitenant_tenant: it verifies/],
  ['owner', 'alter function omnitenant_writing_tenant() reset all', /omnitenant_writing_tenant: it refuses/],
  ['owner', 'grant select on omnitenant_secrets to public', /omnitenant_secrets: a tenant may read it/],
  [
    'owner',
    'alter policy omnitenant on task using (tenant_id = current_setting($$omnitenant.tenant$$))',
    /rows\.task: its policies/,
  ],
] as const;

test('what is changed of it is refused by a process that starts, named by the report, and closed by its SQL', async () => {
  await using app = await rowApplication();
  await using process = await app.start([createTask], { options: { rows } });
  await fill(process);
  await process.tenancy.tenants.create({ id: 'schematic', isolation: 'schema' });
  for (const [as, sql, message] of changes) {
    await app.admin(sql.replaceAll('"$', `"${app.name}`), as);
    await using next = await app.start([createTask], { options: { rows } });
    await expect(next.sql('acme', 'select 1'), sql).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(message),
    });
    const [found] = await process.orm.sharedTables.examine();
    expect(found?.open.join(), sql).toMatch(message);
    for (const remedy of found?.sql ?? []) await app.admin(remedy, 'superuser');
    await using after = await app.start([createTask], { options: { rows } });
    expect(await after.orm.sharedTables.examine(), sql).toMatchObject([{ wall: 'on', open: [], closed: [], sql: [] }]);
  }
});

test('what a tenant makes the sessions of their login begin with ends no text of another, and is reported', async () => {
  await using app = await rowApplication();
  await using process = await app.start([createTask], { entities: [Task], options: { rows } });
  await fill(process);
  const changed = await process.sql(
    'acme',
    `do $$ begin execute 'alter role current_user set standard_conforming_strings to off'; execute format('alter role current_user in database %I set datestyle to dmy', current_database()); end $$`,
  );
  expect(changed).toEqual([]);
  await using next = await app.start([createTask], { entities: [Task], options: { rows } });
  const { tenancy, orm } = next;
  const title = String.raw`of \' or true; --`;
  for (let n = 0; n < 4; n += 1) {
    expect(await tenancy.run('bloom', () => orm.em.fork().find(Task, { title }))).toEqual([]);
  }
  const begun = await app.admin(
    `select setconfig from pg_db_role_setting where setrole = '"${app.name}_rows_tenants"'::regrole`,
    'superuser',
  );
  expect(JSON.stringify(begun)).toContain('standard_conforming_strings=off');
  expect(await tenancy.run('bloom', () => orm.em.execute(String.raw`select '\x' as text`))).toEqual([
    { text: String.raw`\x` },
  ]);
  const [found] = await orm.sharedTables.examine();
  expect(found).toMatchObject({
    wall: 'on',
    open: [],
    closed: expect.arrayContaining([expect.stringContaining('settings that somebody gave')]),
  });
  for (const sql of found?.sql ?? []) await app.admin(sql, 'superuser');
  await using last = await app.start([createTask], { options: { rows } });
  expect(await last.orm.sharedTables.examine()).toMatchObject([{ wall: 'on', closed: [], sql: [] }]);
});

test('tables from before there were tenants are taken over with it', async () => {
  await using app = await rowApplication();
  await app.admin(
    `create schema rows; create table rows.task (id serial primary key, title text not null); insert into rows.task (title) values ('of acme')`,
  );
  await using process = await app.start([createTask], { options: { rows } });
  await process.orm.sharedTables.takeOver({ rowsOf: 'acme' });
  await process.tenancy.tenants.adopt({ id: 'acme' }, { at: 'CreateTask' });
  await process.tenancy.tenants.create({ id: 'bloom' });
  expect(await process.sql('acme', 'select title from task')).toEqual([{ title: 'of acme' }]);
  expect(await process.sql('bloom', 'select title from task')).toEqual([]);
  expect(await process.orm.sharedTables.examine()).toMatchObject([{ wall: 'on', open: [] }]);
});

test('a login that does not get there is a sentence, and a database administrator is told what to run', async () => {
  await using app = await rowApplication();
  const login = `${app.name}_app`;
  await app.admin(
    `create role "${login}" login createrole password 'app'; create schema central authorization "${login}"; grant create on database "${app.name}" to "${login}"`,
    'superuser',
  );
  const url = new URL(app.url);
  url.username = login;
  url.password = 'app';
  const config = { clientUrl: url.href };
  await using unused = await app.start([createTask], { config, options: { rows } });
  expect(await unused.orm.sharedTables.examine()).toMatchObject([{ wall: 'off', open: [], closed: [], sql: [] }]);
  await using plain = await app.start([createTask], { config });
  await fill(plain);
  await app.admin(`alter role "${login}" nocreaterole`, 'superuser');

  await using process = await app.start([createTask], { config, options: { rows } });
  await expect(process.orm.sharedTables.takeOver()).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringMatching(/may not let one.*alter role "\S+_rows_tenants" login;.*rows\.password/),
  });
  const [before] = await process.orm.sharedTables.examine();
  expect(before).toMatchObject({
    wall: 'off',
    open: [expect.stringContaining('run omnitenant take-over'), expect.stringContaining('is not permitted to log in')],
  });
  for (const sql of before?.sql ?? []) await app.admin(sql, 'superuser');
  await process.orm.sharedTables.takeOver();
  expect(await process.sql('acme', 'select title from task')).toEqual([{ title: 'of acme' }]);
  expect(await process.orm.sharedTables.examine()).toMatchObject([{ wall: 'on', open: [], closed: [], sql: [] }]);
});

test.each([
  [undefined, /rows\.keys has no key/],
  ['short', /Key 1 of rows\.keys is not 32 bytes/],
  [[1, 2, 3].map(generateCredentialsKey).join(), /rows\.keys has 3 keys/],
])('a configuration that cannot sign is refused: %s', (given, message) => {
  expect(() => rowWall({ keys: given })).toThrow(message);
});

test('a server that logs values is named by the report', async () => {
  await using app = await rowApplication();
  await using process = await app.start([createTask], { options: { rows } });
  await process.tenancy.tenants.create({ id: 'acme' });
  await app.admin(`alter role "${app.name}_rows_tenants" set log_statement to 'all'`, 'superuser');
  await using after = await app.start([createTask], { options: { rows } });
  const [found] = await after.orm.sharedTables.examine();
  expect(found).toMatchObject({
    wall: 'on',
    open: [],
    closed: expect.arrayContaining([expect.stringContaining("the server's log has")]),
  });
});

test('the password is sent as what PostgreSQL stores of it', async () => {
  await using app = await rowApplication();
  await app.admin(`create role "${app.name}_stored" password 'tenants'`, 'superuser');
  const [{ stored } = {}] = await app.admin(
    `select rolpassword as stored from pg_authid where rolname = '${app.name}_stored'`,
    'superuser',
  );
  await app.admin(`drop role "${app.name}_stored"`, 'superuser');
  const [, salt = ''] = /:(.*?)\$/.exec(stored) ?? [];
  expect(scramVerifier('tenants', Buffer.from(salt, 'base64'))).toBe(stored);
});

test('PGlite has no logins, and says so', async () => {
  const config = defineConfig({
    dbName: 'none',
    entities: [Task],
    driverOptions: { pglite: () => Promise.reject(new Error('opened')) },
  });
  await expect(createOrm(config, { rows })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('PGlite'),
  });
});
