import { expect, test } from 'vitest';
import { fleet } from '../fixtures/fleet.ts';
import { memoryStore } from '../stores/memory.ts';
import { createTenancy, type Tenancy } from '../tenancy.ts';

/** Each verb on a tenant that it fits, with its signals. */
const verbs: readonly (readonly [string, (tenancy: Tenancy) => Promise<unknown>, string, string])[] = [
  ['suspend', ({ tenants }) => tenants.suspend('acme'), 'suspending', 'suspended'],
  [
    'startMaintenance of a suspended tenant',
    ({ tenants }) => tenants.startMaintenance('acme'),
    'maintaining',
    'maintained',
  ],
  ['resume', ({ tenants }) => tenants.resume('acme'), 'resuming', 'resumed'],
  ['archive', ({ tenants }) => tenants.archive('acme'), 'archiving', 'archived'],
  ['update', ({ tenants }) => tenants.update('acme', { name: 'New' }), 'updating', 'updated'],
  ['addDomain', ({ tenants }) => tenants.addDomain('acme', 'acme.com'), 'domainAdding', 'domainAdded'],
  ['removeDomain', ({ tenants }) => tenants.removeDomain('acme', 'acme.com'), 'domainRemoving', 'domainRemoved'],
];

test('every verb sends a signal before, which vetoes it, and one after', async () => {
  const tenancy = createTenancy({ store: memoryStore() });
  await tenancy.tenants.create({ id: 'acme' });
  for (const [verb, act, before, after] of verbs) {
    const told: unknown[] = [];
    const offs = [
      tenancy.signals.on(before as 'suspending', (event) => void told.push(before, event)),
      tenancy.signals.on(after as 'suspended', (event) => void told.push(after, event)),
      tenancy.signals.on(before as 'suspending', () => Promise.reject(new Error('not now'))),
    ];
    const unchanged = await tenancy.tenants.get('acme');
    await expect(act(tenancy), verb).rejects.toMatchObject({ code: 'VETOED', tenant: 'acme' });
    expect(await tenancy.tenants.get('acme')).toEqual(unchanged);
    offs.pop()?.();
    await act(tenancy);
    const more = verb === 'update' ? { change: { name: 'New' } } : {};
    const domain = /Domain/.test(verb) ? { domain: { host: 'acme.com', tenantId: 'acme', primary: false } } : {};
    expect(told).toEqual([
      ...[before, { tenant: unchanged, ...more, ...domain }],
      ...[before, { tenant: unchanged, ...more, ...domain }],
      ...[after, { tenant: await tenancy.tenants.get('acme'), ...more, ...domain }],
    ]);
    for (const off of offs) off();
  }
  await tenancy.tenants.removeDomain('acme', 'nobodys.com');
});

test('a repair may be vetoed, and is told apart from a creation', async () => {
  const { tenancy, tenants, failures } = fleet();
  failures.on = 'files.create db.destroy';
  await expect(tenants.create({ id: 'acme' })).rejects.toMatchObject({ code: 'PROVISION_FAILED' });
  failures.on = undefined;
  const off = tenancy.signals.on('repairing', () => Promise.reject(new Error('not now')));
  await expect(tenants.repair('acme')).rejects.toMatchObject({ code: 'VETOED' });
  off();
  const told: string[] = [];
  tenancy.signals.on('repaired', ({ tenant }) => void told.push(tenant.status));
  await tenants.repair('acme');
  expect(told).toEqual(['active']);
});

test('an operator enters a tenant that is closed, once the record of it is kept', async () => {
  const { tenancy, tenants, failures } = fleet();
  await tenants.create({ id: 'acme' });
  const enter = () => tenancy.run('acme', ({ status }) => status, { allowClosed: true, reason: 'ticket 7' });
  const kept: string[] = [];
  tenancy.signals.on(
    'enteringClosed',
    ({ tenant, reason }) => void kept.push(`${tenant.id} ${tenant.status} ${reason}`),
  );
  expect(await enter()).toBe('active');
  for (const verb of ['suspend', 'startMaintenance', 'archive'] as const) {
    const { status } = await tenants[verb]('acme');
    expect(await enter()).toBe(status);
    await expect(tenancy.run('acme', () => {})).rejects.toMatchObject({ tenant: 'acme' });
  }
  expect(kept).toEqual(['suspended', 'maintenance', 'archived'].map((status) => `acme ${status} ticket 7`));

  const off = tenancy.signals.on('enteringClosed', () => Promise.reject(new Error('the record cannot be kept')));
  await expect(enter()).rejects.toMatchObject({ code: 'VETOED' });
  off();

  failures.on = 'files.create db.destroy';
  await tenants.create({ id: 'half' }).catch(() => {});
  await expect(tenancy.run('half', () => {}, { allowClosed: true })).rejects.toMatchObject({ code: 'TENANT_UNKNOWN' });
});
