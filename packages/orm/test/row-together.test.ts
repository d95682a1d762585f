import { Socket } from 'node:net';
import type { Dictionary } from '@mikro-orm/core';
import { expect, test, vi } from 'vitest';
import { codeMigration, migration, rowApplication } from './fixtures/row-application.ts';

const createTask = migration('CreateTask', 'create table task (id serial primary key, title text not null)');
const addDone = migration('AddDone', 'alter table task add column done boolean');

test('tenants that share tables are migrated together: a run about some of them is refused, and names the others', async () => {
  await using app = await rowApplication();
  await using before = await app.start([createTask]);
  for (const id of ['acme', 'bloom', 'coral']) await before.tenancy.tenants.create({ id });
  await using after = await app.start([createTask, addDone]);
  const { orm } = after;
  for (const verb of ['up', 'fake'] as const) {
    const { failed } = await orm.migrations[verb]({ tenants: ['acme', 'bloom'] });
    expect(failed).toMatchObject([
      {
        tenants: expect.arrayContaining(['acme', 'bloom']),
        error: { message: expect.stringMatching(/with 1 tenants that were not named/) },
      },
    ]);
  }
  expect(await orm.migrations.up({ tenants: ['acme', 'bloom', 'coral'] })).toMatchObject({ migrated: 3, failed: [] });
  const { failed } = await orm.migrations.down({ tenants: ['acme'] });
  expect(failed[0]?.error.message).toMatch(/with 2 tenants that were not named/);
});

test('a tenant that joins migrated tables costs two messages there, and nothing is looked at once more', async () => {
  await using app = await rowApplication();
  await using process = await app.start([createTask, addDone]);
  await process.tenancy.tenants.create({ id: 'acme' });
  await process.sql('acme', 'select * from task');
  const sent = vi.spyOn(Socket.prototype, 'write');
  try {
    await process.tenancy.tenants.create({ id: 'bloom' });
    await process.sql('bloom', 'select * from task');
    const texts = sent.mock.calls.map(([message]) => Buffer.from(message).toString());
    expect(texts.filter((text) => text.includes('"rows"."'))).toHaveLength(2);
    expect(texts.filter((text) => text.includes('pg_policy'))).toEqual([]);
  } finally {
    sent.mockRestore();
  }
  for await (const { pending } of process.orm.migrations.status()) expect(pending).toEqual([]);
});

test('a migration of one table locks no other but as a read does, so that those are read and written meanwhile', async () => {
  await using app = await rowApplication();
  const createNote = migration('CreateNote', 'create table note (id serial primary key, body text not null)');
  await using before = await app.start([createTask, createNote]);
  for (const id of ['acme', 'bloom']) {
    await before.tenancy.tenants.create({ id });
    await before.sql(id, `insert into task (title) values ('of ${id}'); insert into note (body) values ('of ${id}')`);
  }
  const seen: Dictionary[] = [];
  /** What the migration's transaction locks in the schema, as another connection sees it between its statements. */
  async function look(): Promise<void> {
    seen.push(
      ...(await app.admin(
        `select distinct coalesce(t.relname, c.relname) as table, max(mode) as mode from pg_locks l join pg_class c on c.oid = l.relation
           left join pg_index i on i.indexrelid = c.oid left join pg_class t on t.oid = i.indrelid
         where l.database = (select oid from pg_database where datname = current_database()) and l.pid <> pg_backend_pid()
           and c.relnamespace = 'rows'::regnamespace and coalesce(t.relname, c.relname) in ('task', 'note', 'note_id_seq')
         group by 1`,
        'superuser',
      )),
    );
    // Past those locks: the other table is read and written, by a process that serves.
    expect(await before.sql('acme', 'select body from note')).toEqual([{ body: 'of acme' }]);
    await before.sql('acme', 'update note set body = body');
  }
  const change = codeMigration('Change', async (send) => {
    for (const sql of [
      'alter table task add column done boolean',
      'create unique index by_title on task (title)',
      'alter table task add constraint short check (length(title) < 99)',
      `update task set done = true`,
      'create table label (name text primary key, task int references task (id))',
    ]) {
      await send(sql);
      await look();
    }
  });
  await using after = await app.start([createTask, createNote, change]);
  expect((await after.orm.migrations.up()).failed).toEqual([]);
  expect(seen).toContainEqual({ table: 'task', mode: 'ShareRowExclusiveLock' });
  // Looking for tenants' rows takes the lock of a read.
  const others = seen.filter(({ table, mode }) => table !== 'task' && mode !== 'AccessShareLock');
  expect(others).toEqual([]);
});
