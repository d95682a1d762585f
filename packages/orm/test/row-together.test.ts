import { Socket } from 'node:net';
import { expect, test, vi } from 'vitest';
import { migration, rowApplication } from './fixtures/row-application.ts';

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
    expect(failed.map(({ error }) => error.message)).toEqual([
      expect.stringMatching(/with 1 tenants that were not named/),
      expect.stringMatching(/with 1 tenants that were not named/),
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
