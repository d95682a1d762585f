import { expect, test } from 'vitest';
import { fleet, resourcesOn, steps } from '../fixtures/fleet.ts';
import { defineResource, verbsOf } from '../resource.ts';
import { createTenancy } from '../tenancy.ts';

test('a reset tenant has all of its storage anew, and is closed meanwhile', async () => {
  const { tenancy, tenants, events, storage } = fleet();
  const seen: string[] = [];
  for (const name of ['resetting', 'reset'] as const) {
    tenancy.signals.on(name, ({ tenant }) => void seen.push(`${name} ${tenant.status}`));
  }
  await tenants.create({ id: 'acme', domains: [{ host: 'acme.com' }] });
  await tenants.suspend('acme');
  events.length = 0;
  expect(await tenants.reset('acme')).toMatchObject({ id: 'acme', status: 'active' });
  expect(steps(events)).toEqual([
    'files.destroy',
    'db.destroy',
    'db.create',
    'files.create',
    'db.migrate',
    'files.migrate',
  ]);
  expect([...storage]).toEqual(['db/acme', 'files/acme']);
  expect(seen).toEqual(['resetting suspended', 'reset active']);
  expect(await tenants.domains('acme')).toMatchObject([{ host: 'acme.com' }]);
});

test('a reset that fails at any step leaves the tenant under maintenance, and another one finishes it', async () => {
  for (const step of ['files.destroy', 'db.destroy', 'db.create', 'files.create', 'db.migrate', 'files.migrate']) {
    const { tenancy, tenants, failures } = fleet();
    await tenants.create({ id: 'acme' });
    failures.on = step;
    await expect(tenants.reset('acme')).rejects.toMatchObject({ code: 'PROVISION_FAILED', tenant: 'acme' });
    await expect(tenancy.run('acme', () => 'in')).rejects.toMatchObject({ code: 'TENANT_MAINTENANCE' });
    failures.on = undefined;
    expect((await tenants.reset('acme')).status).toBe('active');
    expect(await tenancy.run('acme', () => 'in')).toBe('in');
  }
});

test('storage that was adopted is not destroyed, nor that of a tenant whose reset is vetoed', async () => {
  const { storage, events } = fleet();
  const [db] = resourcesOn(storage, events).map(verbsOf);
  const adopted = defineResource({ ...db, name: 'db', open: () => 'db', isAdopted: async ({ id }) => id === 'old' });
  const { tenants, signals } = createTenancy({ resources: [adopted], ...{ store: fleet().memory } });
  await tenants.create({ id: 'old' });
  await tenants.create({ id: 'acme' });
  await expect(tenants.reset('old')).rejects.toMatchObject({ code: 'TRANSITION_REFUSED' });
  signals.on('resetting', () => Promise.reject(new Error('not today')));
  await expect(tenants.reset('acme')).rejects.toMatchObject({ code: 'VETOED' });
  expect(steps(events).filter((event) => event.endsWith('destroy'))).toEqual([]);
  expect((await tenants.get('old')).status).toBe('active');
});

test('a tenant that is created without migrations stays under maintenance until it is migrated and resumed', async () => {
  const { tenancy, tenants, events } = fleet();
  expect(await tenants.create({ id: 'acme' }, { migrate: false })).toMatchObject({ status: 'maintenance' });
  expect(steps(events)).toEqual(['db.create', 'files.create']);
  await expect(tenancy.run('acme', () => 'in')).rejects.toMatchObject({ code: 'TENANT_MAINTENANCE' });
  await tenants.migrate('acme');
  await tenants.resume('acme');
  expect(await tenancy.run('acme', () => 'in')).toBe('in');
});
