import { expect, test } from 'vitest';
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
