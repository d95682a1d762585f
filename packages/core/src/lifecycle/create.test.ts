import { describe, expect, test, vi } from 'vitest';
import { fleet, steps } from '../fixtures/fleet.ts';
import { defineResource } from '../resource.ts';
import { currentScope } from '../scope/context.ts';
import { memoryStore } from '../stores/memory.ts';
import { createTenancy } from '../tenancy.ts';

describe('creating a tenant', () => {
  test('makes and migrates its storage, and only then lets anybody in', async () => {
    const { tenancy, tenants, events, storage, signals, store, memory } = fleet();
    const entered: unknown[] = [];
    store.insert.mockImplementationOnce(async (draft, domains) => {
      const inserted = await memory.insert(draft, domains);
      entered.push(await tenancy.run('acme', () => 'in').catch(({ code }) => code));
      return inserted;
    });
    const created = await tenants.create({ id: 'acme', name: 'Acme', domains: ['acme.com'] });
    expect(entered).toEqual(['TENANT_UNKNOWN']);
    expect(created).toMatchObject({ id: 'acme', name: 'Acme', status: 'active' });
    expect(steps(events)).toEqual(['db.create', 'files.create', 'db.migrate', 'files.migrate']);
    expect([...storage]).toEqual(['db/acme', 'files/acme']);
    expect(signals).toEqual(['creating provisioning', 'created active']);
    expect(await tenancy.run('acme', ({ name }) => name)).toBe('Acme');
    expect((await tenants.findByDomain('acme.com'))?.id).toBe('acme');
  });

  test('calls the resources outside the scope that it is called in', async () => {
    const seen: unknown[] = [];
    const look = async () => void seen.push(currentScope());
    const resource = defineResource({
      name: 'r',
      open: () => 1,
      place: () => {
        seen.push(currentScope());
        return { isolation: 'r', placement: {} };
      },
      create: look,
      migrate: look,
      destroy: look,
      changed: look,
      migrateCentral: look,
      end: look,
    });
    const tenancy = createTenancy({ store: memoryStore(), resources: [resource] });
    await tenancy.central(async () => {
      await tenancy.tenants.create({ id: 'acme' });
      await tenancy.tenants.migrate('acme');
      await tenancy.tenants.remove('acme');
      await tenancy.migrateCentral();
      await tenancy.close();
    });
    expect(seen.length).toBeGreaterThanOrEqual(8);
    expect(new Set(seen)).toEqual(new Set([undefined]));
  });

  test.each([
    ['db.create', []],
    ['files.create', ['db.destroy']],
    ['db.migrate', ['files.destroy', 'db.destroy']],
    ['files.migrate', ['files.destroy', 'db.destroy']],
  ])('that fails at %s leaves nothing, and can be tried again', async (at, undone) => {
    const { tenancy, tenants, events, failures, storage, signals } = fleet();
    failures.on = at;
    const error = await tenants.create({ id: 'acme', domains: ['acme.com'] }).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'PROVISION_FAILED', tenant: 'acme', cause: new Error(`${at} broke`) });
    expect(error.message).toContain(`"${at}" failed`);
    const all = steps(events);
    expect(all.slice(all.indexOf(at) + 1)).toEqual(undone);
    expect([...storage]).toEqual([]);
    expect(await tenants.tryGet('acme')).toBeUndefined();
    expect(await tenants.findByDomain('acme.com')).toBeUndefined();
    expect(signals).toEqual(['creating provisioning', 'failed provisioning']);
    await expect(tenancy.run('acme', () => 1)).rejects.toMatchObject({ code: 'TENANT_UNKNOWN' });

    failures.on = undefined;
    await tenants.create({ id: 'acme', domains: ['acme.com'] });
    expect(await tenancy.run('acme', () => 'in')).toBe('in');
  });

  test('that cannot be activated is undone as well', async () => {
    const { tenants, storage, store } = fleet();
    store.update.mockRejectedValueOnce(new Error('connection lost'));
    await expect(tenants.create({ id: 'acme' })).rejects.toMatchObject({
      code: 'PROVISION_FAILED',
      cause: { code: 'STORE_UNAVAILABLE' },
    });
    expect(await tenants.tryGet('acme')).toBeUndefined();
    expect([...storage]).toEqual([]);
  });

  test('that the store has activated, and could not say so, is made', async () => {
    const { tenancy, tenants, storage, store, memory, signals } = fleet();
    store.update.mockImplementationOnce(async (...change) => {
      await memory.update(...change);
      throw new Error('connection lost');
    });
    expect((await tenants.create({ id: 'acme' })).status).toBe('active');
    expect([...storage]).toEqual(['db/acme', 'files/acme']);
    expect(signals).toEqual(['creating provisioning', 'created active']);
    expect(await tenancy.run('acme', () => 'in')).toBe('in');
  });

  test('whose store is down when it fails is left as it is, which the error says, and can be repaired', async () => {
    const { tenancy, tenants, failures, storage, store } = fleet();
    failures.on = 'files.migrate';
    const find = vi.spyOn(store, 'find');
    store.update.mockRejectedValueOnce(new Error('down'));
    find.mockRejectedValueOnce(new Error('down'));
    const error = await tenants.create({ id: 'acme' }).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'PROVISION_FAILED', tenant: 'acme' });
    expect(error.message).toContain('Nothing was undone');
    expect(storage.size).toBe(2);
    await expect(tenancy.run('acme', () => 1)).rejects.toMatchObject({ code: 'TENANT_UNKNOWN' });
    failures.on = undefined;
    expect((await tenants.repair('acme')).status).toBe('active');
  });

  test('that cannot be undone is left failed, which the error says, and removing it clears it', async () => {
    const { tenancy, tenants, failures, storage, signals } = fleet();
    failures.on = 'files.migrate files.destroy';
    const error = await tenants.create({ id: 'acme' }).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'PROVISION_FAILED', tenant: 'acme' });
    expect(error.message).toContain('the tenant is left failed; call repair("acme")');
    expect(error.cause.errors).toEqual([new Error('files.migrate broke'), new Error('files.destroy broke')]);
    expect((await tenants.get('acme')).status).toBe('failed');
    expect(signals).toEqual(['creating provisioning', 'failed failed']);
    expect([...storage]).toEqual(['files/acme']);
    await expect(tenancy.run('acme', () => 1)).rejects.toMatchObject({ code: 'TENANT_UNKNOWN' });
    await expect(tenants.create({ id: 'acme' })).rejects.toMatchObject({ code: 'TENANT_EXISTS' });

    failures.on = undefined;
    await tenants.remove('acme');
    expect([...storage]).toEqual([]);
    expect((await tenants.create({ id: 'acme' })).status).toBe('active');
  });

  test('whose record cannot be taken back is left failed', async () => {
    const { tenants, failures, store } = fleet();
    failures.on = 'db.create';
    store.delete.mockRejectedValueOnce(new Error('down'));
    await expect(tenants.create({ id: 'acme' })).rejects.toThrow(/left failed/);
    expect((await tenants.get('acme')).status).toBe('failed');
  });

  test('shows no credential, whatever a resource throws', async () => {
    const resource = defineResource({
      name: 'db',
      open: () => 1,
      create: () => Promise.reject(new Error('postgres://app:s3cret@db/main refused')),
    });
    const { tenants } = createTenancy({ store: memoryStore(), resources: [resource] });
    const error = await tenants.create({ id: 'acme' }).catch((thrown) => thrown);
    expect(error.cause.message).toBe('postgres://***@db/main refused');
  });

  test('twice at once under one id makes one, and the other leaves it alone', async () => {
    const { tenancy, tenants, storage } = fleet();
    const settled = await Promise.allSettled([tenants.create({ id: 'acme' }), tenants.create({ id: 'acme' })]);
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(settled[1]).toMatchObject({ reason: { code: 'TENANT_EXISTS' } });
    expect([...storage]).toEqual(['db/acme', 'files/acme']);
    expect(await tenancy.run('acme', () => 'in')).toBe('in');
  });

  test('in two processes at once under one id makes one, and the other leaves it alone', async () => {
    const { tenants, memory, storage } = fleet();
    const elsewhere = createTenancy({ store: memory });
    const settled = await Promise.allSettled([
      tenants.create({ id: 'acme' }),
      elsewhere.tenants.create({ id: 'acme' }),
    ]);
    expect(settled.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect((await memory.find('acme'))?.status).toBe('active');
    const here = settled[0]?.status === 'fulfilled';
    expect([...storage]).toEqual(here ? ['db/acme', 'files/acme'] : []);
  });

  test('of an id that differs only in case makes nothing', async () => {
    const { tenants, events } = fleet();
    await tenants.create({ id: 'acme' });
    events.length = 0;
    await expect(tenants.create({ id: 'ACME' })).rejects.toMatchObject({ code: 'TENANT_INVALID' });
    expect(events).toEqual([]);
  });

  test('of what is not valid or is vetoed begins nothing', async () => {
    const { tenancy, tenants, events, store } = fleet();
    tenancy.signals.on('creating', ({ tenant }) => {
      if (tenant.name === 'spam') throw new Error('spam');
    });
    await expect(tenants.create({ id: 'pg_x' })).rejects.toMatchObject({ code: 'TENANT_INVALID' });
    await expect(tenants.create({ id: 'acme', domains: ['a:80'] })).rejects.toMatchObject({ code: 'DOMAIN_INVALID' });
    await expect(tenants.create({ id: 'acme', isolation: 'x' })).rejects.toMatchObject({ code: 'ISOLATION_UNKNOWN' });
    await expect(tenants.create({ id: 'acme', name: 'spam' })).rejects.toMatchObject({ code: 'VETOED' });
    expect(events).toEqual([]);
    expect(store.insert).not.toHaveBeenCalled();
  });

  test('with a domain that is taken leaves neither tenant changed', async () => {
    const { tenants, storage } = fleet();
    await tenants.create({ id: 'acme', domains: ['acme.com'] });
    await expect(tenants.create({ id: 'birch', domains: ['ACME.com'] })).rejects.toMatchObject({
      code: 'DOMAIN_TAKEN',
    });
    expect(await tenants.tryGet('birch')).toBeUndefined();
    expect((await tenants.findByDomain('acme.com'))?.id).toBe('acme');
    expect([...storage]).toEqual(['db/acme', 'files/acme']);
  });

  test('may be followed up by a handler that uses the registry on the same tenant', async () => {
    const { tenancy, tenants } = fleet();
    tenancy.signals.on('created', async ({ tenant }) => {
      await tenants.migrate(tenant.id);
      await tenants.update(tenant.id, { name: 'Welcome' });
    });
    await tenants.create({ id: 'acme' });
    expect((await tenants.get('acme')).name).toBe('Welcome');
  });
});

test('the registry shows a tenant as what it is while it is made and removed', async () => {
  const seen: unknown[] = [];
  const look = async () => void seen.push((await tenants.tryGet('acme'))?.status);
  const resource = defineResource({ name: 'db', open: () => 1, create: look, migrate: look, destroy: look });
  const { tenants } = createTenancy({ store: memoryStore(), resources: [resource] });
  await look();
  await tenants.create({ id: 'acme' });
  await look();
  await tenants.remove('acme');
  await look();
  expect(seen).toEqual([undefined, 'provisioning', 'provisioning', 'active', 'removing', undefined]);
});
