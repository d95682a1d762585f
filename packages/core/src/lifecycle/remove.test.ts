import { describe, expect, test } from 'vitest';
import { isTenancyError } from '../errors/errors.ts';
import { fleet, steps } from '../fixtures/fleet.ts';
import type { Tenant } from '../models/tenant.ts';
import { defineResource } from '../resource.ts';
import { memoryStore } from '../stores/memory.ts';
import { createTenancy } from '../tenancy.ts';

describe('removing a tenant', () => {
  test('closes it, ends its storage, newest first, and forgets it with its domains', async () => {
    const { tenancy, tenants, events, storage, signals } = fleet();
    await tenants.create({ id: 'acme', domains: ['acme.com'] });
    await tenants.findByDomain('acme.com');
    events.length = signals.length = 0;
    await tenants.remove('acme');
    expect(steps(events)).toEqual(['files.destroy', 'db.destroy']);
    expect(events.slice(-2)).toEqual(['db.changed acme', 'files.changed acme']);
    expect([...storage]).toEqual([]);
    expect(signals).toEqual(['removing active', 'removed removing']);
    expect(await tenants.tryGet('acme')).toBeUndefined();
    expect(await tenants.findByDomain('acme.com')).toBeUndefined();
    await expect(tenancy.run('acme', () => 1)).rejects.toMatchObject({ code: 'TENANT_UNKNOWN' });
    await expect(tenants.remove('acme')).rejects.toMatchObject({ code: 'TENANT_UNKNOWN' });
  });

  test('closes every door before it ends anything', async () => {
    const store = memoryStore();
    const atDestroy: unknown[] = [];
    const resource = defineResource({
      name: 'db',
      open: () => 1,
      destroy: async () => void atDestroy.push(await tenancy.run('acme', () => 'in').catch(({ code }) => code)),
    });
    const tenancy = createTenancy({ store, resources: [resource] });
    await tenancy.tenants.create({ id: 'acme' });
    await tenancy.run('acme', () => 'cached');
    await tenancy.tenants.remove('acme');
    expect(atDestroy).toEqual(['TENANT_UNKNOWN']);
  });

  test('that is vetoed leaves the tenant as it was', async () => {
    const { tenancy, tenants, storage } = fleet();
    await tenants.create({ id: 'acme' });
    tenancy.signals.on('removing', () => Promise.reject(new Error('unpaid')));
    await expect(tenants.remove('acme')).rejects.toMatchObject({ code: 'VETOED', tenant: 'acme' });
    expect(await tenancy.run('acme', () => 'in')).toBe('in');
    expect(storage.size).toBe(2);
  });

  test('that is cut short stays closed, and another call finishes without asking again', async () => {
    const { tenancy, tenants, failures, storage, signals } = fleet();
    await tenants.create({ id: 'acme' });
    failures.on = 'db.destroy';
    await expect(tenants.remove('acme')).rejects.toMatchObject({ code: 'REMOVE_FAILED', tenant: 'acme' });
    expect((await tenants.get('acme')).status).toBe('removing');
    await expect(tenancy.run('acme', () => 1)).rejects.toMatchObject({ code: 'TENANT_UNKNOWN' });
    await expect(tenants.create({ id: 'acme' })).rejects.toMatchObject({ code: 'TENANT_EXISTS' });

    failures.on = undefined;
    signals.length = 0;
    await tenants.remove('acme');
    expect(signals).toEqual(['removed removing']);
    expect([...storage]).toEqual([]);
  });

  test('that cannot reach its storage forgets the tenant where it is to, and says what is left', async () => {
    const { tenants, failures, storage } = fleet();
    await tenants.create({ id: 'acme' });
    failures.on = 'db.destroy';
    await expect(tenants.remove('acme')).rejects.toThrow('remove("acme", { forget: true })');
    const { left } = await tenants.remove('acme', { forget: true });
    expect(left).toEqual([{ resource: 'db', error: expect.objectContaining({ message: 'db.destroy broke' }) }]);
    expect(await tenants.tryGet('acme')).toBeUndefined();
    expect([...storage]).toEqual(['db/acme']);
    failures.on = undefined;
    await tenants.create({ id: 'birch' });
    expect(await tenants.remove('birch', { forget: true })).toEqual({ left: [] });
    expect([...storage]).toEqual(['db/acme']);
  });

  test('that keeps storage releases what can be adopted, and destroys the rest', async () => {
    const done: string[] = [];
    const log = (name: string) => async () => void done.push(name);
    const cache = defineResource({ name: 'cache', open: () => 1, destroy: log('cache.destroy') });
    const db = defineResource({
      name: 'db',
      open: () => 1,
      adopt: log('db.adopt'),
      release: log('db.release'),
      destroy: log('db.destroy'),
    });
    const { tenants } = createTenancy({ store: memoryStore(), resources: [db, cache] });
    await tenants.create({ id: 'acme' });
    await tenants.remove('acme', { keepStorage: true });
    expect(done).toEqual(['cache.destroy', 'db.release']);
    expect(await tenants.tryGet('acme')).toBeUndefined();
  });

  test('twice at once removes it once, and never the one that is created after it', async () => {
    const { tenancy, tenants, storage } = fleet();
    await tenants.create({ id: 'acme' });
    const [first, second, created] = await Promise.allSettled([
      tenants.remove('acme'),
      tenants.remove('acme'),
      tenants.create({ id: 'acme' }).catch(() => tenants.create({ id: 'acme' })),
    ]);
    const codes = [first, second].map((one) => (one.status === 'rejected' ? one.reason.code : 'removed'));
    expect(codes).toEqual(['removed', 'removed']);
    expect(created.status).toBe('fulfilled');
    expect([...storage]).toEqual(['db/acme', 'files/acme']);
    expect(await tenancy.run('acme', () => 'in')).toBe('in');
  });

  test('of one that is being created is refused', async () => {
    const { tenants, store, memory } = fleet();
    const held = Promise.withResolvers<void>();
    const inserted = Promise.withResolvers<void>();
    store.insert.mockImplementationOnce(async (draft, domains): Promise<Tenant> => {
      const tenant = await memory.insert(draft, domains);
      inserted.resolve();
      await held.promise;
      return tenant;
    });
    const creating = tenants.create({ id: 'acme' });
    await inserted.promise;
    await expect(tenants.remove('acme')).rejects.toMatchObject({ code: 'TRANSITION_REFUSED' });
    held.resolve();
    expect((await creating).status).toBe('active');
  });

  test('is not told as failed or unknown when the store is down', async () => {
    const { tenants, store } = fleet();
    await tenants.create({ id: 'acme' });
    store.delete.mockRejectedValueOnce(new Error('down'));
    const error = await tenants.remove('acme').catch((thrown) => thrown);
    expect(isTenancyError(error, 'STORE_UNAVAILABLE')).toBe(true);
    await tenants.remove('acme');
    expect(await tenants.tryGet('acme')).toBeUndefined();
  });
});
