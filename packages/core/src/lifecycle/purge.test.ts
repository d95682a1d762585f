import { expect, test } from 'vitest';
import { fleet, steps } from '../fixtures/fleet.ts';
import { defineResource } from '../resource.ts';
import { memoryStore } from '../stores/memory.ts';
import { createTenancy } from '../tenancy.ts';

const past = new Date(Date.now() - 60_000);
const future = new Date(Date.now() + 60_000);

test('archived tenants whose retention has ended are purged, and no others', async () => {
  const { tenants, storage } = fleet();
  for (const id of ['due', 'kept', 'forever', 'suspended', 'resumed']) await tenants.create({ id });
  await tenants.archive('due', { retainUntil: past });
  await tenants.archive('kept', { retainUntil: future });
  await tenants.archive('forever');
  await tenants.suspend('suspended');
  await tenants.archive('resumed', { retainUntil: past });
  await tenants.resume('resumed');
  expect(await tenants.purge({ dryRun: true })).toEqual({ due: ['due'], purged: [], failed: [] });
  expect(await tenants.purge({ tenants: ['kept'] })).toEqual({ due: [], purged: [], failed: [] });
  expect(await tenants.purge()).toEqual({ due: ['due'], purged: ['due'], failed: [] });
  expect(await tenants.tryGet('due')).toBeUndefined();
  expect(storage).not.toContain('db/due');
  // A retention that was resumed is over for good.
  await tenants.archive('resumed');
  expect(await tenants.purge()).toEqual({ due: [], purged: [], failed: [] });
});

test('one that fails does not stop the others, stays closed, and is finished by the next purge', async () => {
  const { tenants, failures } = fleet();
  for (const id of ['acme', 'birch']) {
    await tenants.create({ id });
    await tenants.archive(id, { retainUntil: past });
  }
  failures.on = 'db.destroy';
  const first = await tenants.purge();
  expect(first.failed.map(({ tenant, error }) => [tenant, (error as { code: string }).code])).toEqual([
    ['acme', 'REMOVE_FAILED'],
    ['birch', 'REMOVE_FAILED'],
  ]);
  await expect(tenants.resume('acme')).rejects.toMatchObject({ code: 'TRANSITION_REFUSED' });
  failures.on = undefined;
  expect(await tenants.purge()).toEqual({ due: ['acme', 'birch'], purged: ['acme', 'birch'], failed: [] });
});

test('one that is resumed, or retained for longer, at the last moment is kept', async () => {
  const { tenancy, tenants, storage, events } = fleet();
  for (const id of ['resumed', 'retained']) {
    await tenants.create({ id });
    await tenants.archive(id, { retainUntil: past });
  }
  tenancy.signals.on('removing', async ({ tenant: { id } }) => {
    if (id === 'resumed') await tenants.resume(id);
    else await tenants.archive(id, { retainUntil: future });
  });
  events.length = 0;
  const { purged, failed } = await tenants.purge();
  expect(purged).toEqual([]);
  expect(failed.map(({ error }) => (error as Error).message)).toEqual([
    expect.stringContaining('is in status "active"'),
    expect.stringContaining(`is retained until ${future.toISOString()}`),
  ]);
  expect(steps(events)).toEqual([]);
  expect(storage.size).toBe(4);
  expect((await tenants.get('resumed')).status).toBe('active');
  expect(await tenants.get('retained')).toMatchObject({ status: 'archived', retainUntil: future });
});

test('a removal that is to keep storage and is cut short is finished by no purge', async () => {
  const done: string[] = [];
  const db = defineResource({
    name: 'db',
    open: () => 1,
    adopt: async () => {},
    release: () => Promise.reject(new Error('down')),
    destroy: async () => void done.push('db.destroy'),
  });
  const { tenants } = createTenancy({ store: memoryStore(), resources: [db] });
  await tenants.create({ id: 'acme' });
  await tenants.archive('acme', { retainUntil: past });
  await expect(tenants.remove('acme', { keepStorage: true })).rejects.toMatchObject({ code: 'REMOVE_FAILED' });
  expect(await tenants.purge()).toEqual({ due: [], purged: [], failed: [] });
  expect(done).toEqual([]);
});

test('a retention is a date, and is changed by archive and resume only', async () => {
  const { tenants } = fleet();
  await tenants.create({ id: 'acme' });
  const invalid = { code: 'TENANT_INVALID', tenant: 'acme' };
  await expect(tenants.archive('acme', { retainUntil: new Date('soon') })).rejects.toMatchObject(invalid);
  await expect(tenants.update('acme', { retainUntil: past } as never)).rejects.toMatchObject(invalid);
  await expect(tenants.create({ id: 'birch', retainUntil: past } as never)).rejects.toMatchObject({
    code: 'TENANT_INVALID',
  });
});

test('one whose removal another process has begun meanwhile, to keep its storage, cannot be resumed', async () => {
  const { tenancy, tenants, failures } = fleet();
  await tenants.create({ id: 'acme' });
  await tenants.archive('acme', { retainUntil: past });
  let removal: Promise<void> | undefined;
  tenancy.signals.on('removing', async () => {
    if (removal !== undefined) return;
    failures.on = 'db.destroy';
    removal = tenants.remove('acme', { keepStorage: true });
    await expect(removal).rejects.toMatchObject({ code: 'REMOVE_FAILED' });
  });
  expect(await tenants.purge()).toMatchObject({ purged: [], failed: [{ tenant: 'acme' }] });
  expect((await tenants.get('acme')).status).toBe('removing');
});
