import { expect, test } from 'vitest';
import { generateCredentialsKey } from '../src/vault/keys.ts';
import { migration, rowApplication } from './fixtures/row-application.ts';

const createTask = migration(
  'CreateTask',
  'create table task (id uuid primary key default gen_random_uuid(), title text not null)',
);

test('a tenant whose rows a login of its own reads is archived and moved, and cannot be written to meanwhile', async () => {
  await using app = await rowApplication();
  const rows = { password: 'tenants', keys: generateCredentialsKey() };
  await using process = await app.start([createTask], { options: { rows } });
  const { tenants } = process.tenancy;
  const titles = (id: string) => process.sql(id, 'select title from task');
  const write = (id: string) => process.sql(id, `insert into task (title) values ('of ${id}')`);
  for (const id of ['acme', 'bloom']) {
    await tenants.create({ id });
    await write(id);
  }
  await tenants.import(await tenants.export('acme'), { as: 'copy', isolation: 'schema' });
  expect(await titles('copy')).toEqual([{ title: 'of acme' }]);

  let refused: Promise<unknown> | undefined;
  const onProgress = ({ step }: { readonly step: string }) => {
    if (step === 'copy') refused = expect(write('acme')).rejects.toMatchObject({ code: 'TENANT_MOVING' });
  };
  await tenants.move('acme', { isolation: 'schema' }, { onProgress });
  await refused;
  expect(refused).toBeDefined();
  expect(await titles('acme')).toEqual([{ title: 'of acme' }]);
  expect(await titles('bloom')).toEqual([{ title: 'of bloom' }]);
  // And back, and as another tenant of it.
  await tenants.move('acme', { isolation: 'row' });
  await tenants.move('bloom', { isolation: 'schema' });
  const bloom = await tenants.export('bloom');
  await tenants.import(bloom, { as: 'again', isolation: 'row' });
  expect(await titles('acme')).toEqual([{ title: 'of acme' }]);
  expect(await titles('again')).toEqual([{ title: 'of bloom' }]);
  expect(await process.orm.sharedTables.examine()).toMatchObject([{ wall: 'on', open: [] }]);
});
