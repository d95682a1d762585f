import { defineEntity, p } from '@mikro-orm/core';
import { Migration } from '@mikro-orm/migrations';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy } from '@omnitenant/core';
import { plainDatabase } from '@omnitenant/tooling';
import { sql as kyselySql } from 'kysely';
import { Client } from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { createOrm } from '../src/orm.ts';
import { quickMs } from '../src/session/plain-reads.ts';

const Note = defineEntity({ name: 'Note', properties: { id: p.integer().primary(), text: p.string() } });

class CreateNotes extends Migration {
  override up() {
    this.addSql('create table note (id serial primary key, text text not null)');
  }
}

test('generated reads of tables share connections, and stop as soon as the schema holds anything that runs', async () => {
  const database = await plainDatabase();
  onTestFinished(database.drop);
  const admin = new Client({ connectionString: database.url });
  await admin.connect();
  onTestFinished(() => admin.end());
  const orm = await createOrm(
    defineConfig({
      clientUrl: database.url,
      entities: [Note],
      migrations: { migrationsList: [CreateNotes] },
      pool: { max: 2 },
    }),
  );
  const tenancy = createTenancy({ resources: [orm] });
  onTestFinished(() => tenancy.close());
  await tenancy.migrateCentral();
  for (const id of ['a', 'b']) {
    await tenancy.tenants.create({ id });
    await tenancy.run(id, () => orm.em.insert(Note, { text: `of ${id}` }));
  }

  let below = 1_000;
  /** Reads with a value that no other statement has. */
  function read(tenant: string) {
    below += 1;
    return tenancy.run(tenant, () => orm.em.fork().find(Note, { id: { $lt: below } }));
  }
  async function lastIsShared() {
    const { rows } = await admin.query(
      `select position(';set local statement_timeout to ${quickMs};' in query) > 0 as shared from pg_stat_activity
       where datname = current_database() and query like '%< ${below}%' and pid <> pg_backend_pid()`,
    );
    return rows.some(({ shared }) => shared);
  }

  // PostgreSQL is asked what is in the schema, and the read has to have been quick once.
  for (const tenant of ['a', 'b']) {
    do await read(tenant);
    while (!(await lastIsShared()));
  }
  const tenants = Array.from({ length: 40 }, (_, n) => (n % 3 ? 'a' : 'b'));
  const found = await Promise.all(tenants.map(read));
  expect(found.map(([note]) => note?.text)).toEqual(tenants.map((tenant) => `of ${tenant}`));

  const run = (sql: string) => tenancy.run('a', () => orm.em.execute(sql));
  async function untilShared(): Promise<void> {
    do expect(await read('a')).toHaveLength(1);
    while (!(await lastIsShared()));
  }
  async function neverShared(why: string): Promise<void> {
    for (let n = 0; n < 5; n += 1) {
      expect(await read('a'), why).toHaveLength(1);
      expect(await lastIsShared(), why).toBe(false);
    }
  }
  const create = 'create function look() returns int language sql return 1';
  await run(create);
  await neverShared('a function');
  await run('drop function look()');
  await untilShared();

  // No read calls what a trigger calls.
  await run(`create function keep() returns trigger language plpgsql as 'begin return new; end';
    create trigger keep before update on note for each row execute function keep()`);
  await untilShared();

  // What a policy calls is called by every read.
  await run(
    `create policy leaving on note using (set_config('lock_timeout', '7654', false) is not null); alter table note enable row level security; alter table note force row level security`,
  );
  await neverShared('a policy');
  expect(await tenancy.run('b', () => orm.em.execute('show lock_timeout'))).toEqual([{ lock_timeout: '0' }]);
  await run('drop policy leaving on note; alter table note disable row level security');
  await untilShared();

  await tenancy.run('a', () =>
    orm.em.transactional(async (em) => {
      await em.execute(create);
      // Others do not see it yet, whatever they end meanwhile.
      await tenancy.run('a', () =>
        orm.em.fork().transactional((other) => other.insert(Note, { id: 2_000, text: 'x' })),
      );
      await untilShared();
    }),
  );
  await neverShared('a function whose transaction was open when others ended theirs');
  await run('drop function look()');
  await untilShared();

  await tenancy.run('a', async () => {
    const kysely = orm.em.getKysely();
    for await (const row of kysely.getExecutor().stream(kyselySql.raw(create).compile(kysely), 1)) void row;
  });
  // Nobody waits for the end of a stream's transaction.
  do await read('a');
  while (await lastIsShared());
  await neverShared('a function that a stream has made');
});

test('the lookup of a host shares connections, and is prepared on them', async () => {
  const database = await plainDatabase();
  onTestFinished(database.drop);
  const admin = new Client({ connectionString: database.url });
  await admin.connect();
  onTestFinished(() => admin.end());
  const orm = await createOrm(defineConfig({ clientUrl: database.url, entities: [] }));
  const tenancy = createTenancy({ resources: [orm] });
  onTestFinished(() => tenancy.close());
  await tenancy.migrateCentral();
  const hosts = ['a.example', 'b.example'];
  for (const host of hosts) await tenancy.tenants.create({ id: host[0] as string, domains: [host] });
  async function isExecuted(): Promise<boolean> {
    const { rowCount } = await admin.query(
      `select from pg_stat_activity where datname = current_database() and query ~ 'to "central".*;execute omnitenant_.*example'
       and pid <> pg_backend_pid()`,
    );
    return rowCount !== 0;
  }
  do {
    const found = await Promise.all(hosts.map((host) => orm.store.findByDomain(host)));
    expect(found.map((tenant) => tenant?.id)).toEqual(['a', 'b']);
  } while (!(await isExecuted()));
});

test('a read that shares a connection may run no longer than its tenant’s own statements', async () => {
  const database = await plainDatabase();
  onTestFinished(database.drop);
  const admin = new Client({ connectionString: database.url });
  await admin.connect();
  onTestFinished(() => admin.end());
  const config = { clientUrl: database.url, entities: [Note], migrations: { migrationsList: [CreateNotes] } };
  const limitMs = quickMs - 10;
  const orm = await createOrm(defineConfig(config), {
    limits: ({ id }) => (id === 'short' ? { settings: { statement_timeout: `${limitMs}ms` } } : undefined),
  });
  const tenancy = createTenancy({ resources: [orm] });
  onTestFinished(() => tenancy.close());
  await tenancy.migrateCentral();
  for (const id of ['short', 'long']) await tenancy.tenants.create({ id });

  /** Reads until the read shares a connection, and returns the limit that it was sent with. */
  async function limitOfShared(id: string): Promise<string | undefined> {
    const shared = /;set local statement_timeout to (\d+);select "n0"/;
    for (let below = 1; ; below += 1) {
      // Whether one may share depends on how quick the last one was.
      await tenancy.run(id, () => orm.em.fork().find(Note, { id: { $lt: below } })).catch(() => {});
      const { rows } = await admin.query(
        `select query from pg_stat_activity where datname = current_database() and query like '%< ${below}%' and pid <> pg_backend_pid()`,
      );
      const limit = rows.map(({ query }) => shared.exec(query)?.[1]).find(Boolean);
      if (limit !== undefined) return limit;
    }
  }
  expect(await limitOfShared('long')).toBe(String(quickMs));
  expect(await limitOfShared('short')).toBe(String(limitMs));

  await admin.query('begin; lock table t_short.note, t_long.note');
  const late = tenancy.run('long', () => orm.em.fork().find(Note, { id: 1 }));
  await expect(tenancy.run('short', () => orm.em.fork().find(Note, { id: 1 }))).rejects.toMatchObject({
    code: '57014',
  });
  await admin.query('commit');
  expect(await late).toEqual([]);
});
