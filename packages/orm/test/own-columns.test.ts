import { inspect } from 'node:util';
import { defineEntity, p } from '@mikro-orm/core';
import { defineConfig } from '@mikro-orm/postgresql';
import { createTenancy, type Tenancy } from '@omnitenant/core';
import { type TestDatabase, testDatabase } from '@omnitenant/tooling';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TenantSchema } from '../src/index.ts';
import { createOrm, type Orm } from '../src/orm.ts';

const Region = defineEntity({
  name: 'Region',
  schema: 'central',
  properties: { code: p.string().primary(), country: p.string() },
});

const Customer = defineEntity({
  name: 'Customer',
  extends: TenantSchema,
  schema: 'central',
  properties: {
    plan: p.string(),
    seats: p.integer().nullable(),
    region: () => p.manyToOne(Region).nullable(),
    pin: p.string().hidden().nullable(),
    since: p.string().columnType('date').nullable(),
  },
});

let database: TestDatabase;
let orm: Orm;
let tenancy: Tenancy;
beforeAll(async () => {
  database = await testDatabase();
  const config = defineConfig({ clientUrl: database.url, entities: [Customer, Region], validateRequired: false });
  orm = await createOrm(config, { tenant: Customer as never });
  tenancy = createTenancy({ resources: [orm] });
  await tenancy.migrateCentral();
  await tenancy.tenants.create({ id: 'acme', plan: 'gold', pin: '1234' } as never);
});
afterAll(async () => {
  await tenancy.close();
  await database.drop();
});

test('a record that the database does not take is refused without the other values of its row', async () => {
  const input = { id: 'birch', config: { webhook: { auth: 'hunter2' } } };
  const refused = await tenancy.tenants.create(input).catch((error) => error);
  expect(refused).toMatchObject({ code: 'TENANT_INVALID', message: expect.stringContaining('"plan"') });
  expect(inspect(refused, { depth: 9, showHidden: true })).not.toContain('hunter2');
  const entries = await orm.store.audit?.page({ tenant: 'birch', order: 'oldest', limit: 10 });
  expect(JSON.stringify(entries)).not.toContain('hunter2');
});

test.each([{ seats: 'many' }, { plan: null }, { plan: 'x'.repeat(256) }])(
  'the change %j is invalid',
  async (change) => {
    await expect(tenancy.tenants.update('acme', change as never)).rejects.toMatchObject({ code: 'TENANT_INVALID' });
  },
);

test.each([{ seats: 'hunter2' }, { seats: '7\nhunter2' }, { since: 'hunter2' }])(
  'neither the error of the change %j nor its cause has the value',
  async (change) => {
    const refused = await tenancy.tenants.update('acme', change as never).catch((error) => error);
    expect(refused).toMatchObject({ code: 'TENANT_INVALID', cause: expect.any(Error) });
    expect(inspect(refused, { depth: 9, showHidden: true })).not.toContain('hunter2');
  },
);

test('the audit keeps no column that the application hides', async () => {
  await tenancy.tenants.update('acme', { pin: '5678' } as never);
  const entries = (await orm.store.audit?.page({ tenant: 'acme', order: 'newest', limit: 10 })) ?? [];
  expect(entries[0]?.after).toMatchObject({ plan: 'gold', pin: '***', seats: null });
  expect(JSON.stringify(entries)).not.toMatch(/1234|5678/);
  expect((await tenancy.tenants.get('acme')) as object).toMatchObject({ pin: '5678' });
});

test('a record names what it refers to by its key, and makes or changes nothing there', async () => {
  await tenancy.central(() => orm.em.insert(Region, { code: 'eu', country: 'Ireland' }));
  await tenancy.tenants.update('acme', { region: 'eu' } as never);
  const invalid = { code: 'TENANT_INVALID', message: expect.stringContaining('"region" is a relation') };
  for (const region of [
    { code: 'eu', country: 'Mine' },
    { code: 'us', country: 'Mine' },
  ]) {
    await expect(tenancy.tenants.update('acme', { region } as never)).rejects.toMatchObject(invalid);
    await expect(tenancy.tenants.create({ id: 'cedar', plan: 'gold', region } as never)).rejects.toMatchObject(invalid);
  }
  expect(await tenancy.central(() => orm.em.find(Region, {}))).toMatchObject([{ code: 'eu', country: 'Ireland' }]);
  expect(await tenancy.tenants.get('acme')).toMatchObject({ region: 'eu' });
});
