import { expect, test, vi } from 'vitest';
import { TenancyError } from '../errors/errors.ts';
import type { Tenant } from '../models/tenant.ts';
import { defineResource } from '../resource.ts';
import { currentScope } from '../scope/context.ts';
import { memoryStore } from '../stores/memory.ts';
import { createTenancy } from '../tenancy.ts';
import { idsOf } from '../testing/store/promise.ts';
import type { TenantUpdate } from './tenant-registry.ts';

type Acme = Tenant & { readonly plan?: string };

async function registry() {
  const memory = memoryStore<Acme>();
  const find = vi.fn(memory.find);
  const addDomain = vi.fn(memory.addDomain);
  const changed = vi.fn();
  const onError = vi.fn();
  const tenancy = createTenancy({
    store: { ...memory, find, addDomain },
    publicHosts: ['app.com'],
    resources: [defineResource({ name: 'db', open: () => 1, changed })],
    onError,
  });
  await tenancy.tenants.create({ id: 'acme', domains: ['acme.com'] });
  await tenancy.tenants.create({ id: 'birch', plan: 'gold' });
  changed.mockClear();
  return { tenancy, tenants: tenancy.tenants, memory, find, addDomain, changed, onError };
}

test('a tenant is got, or undefined, or refused, whatever its status', async () => {
  const { tenants } = await registry();
  await tenants.suspend('acme');
  expect((await tenants.get('acme')).status).toBe('suspended');
  expect((await tenants.tryGet('acme'))?.status).toBe('suspended');
  expect(await tenants.tryGet('nobody')).toBeUndefined();
  await expect(tenants.get('nobody')).rejects.toMatchObject({
    code: 'TENANT_UNKNOWN',
    message: 'There is no tenant "nobody".',
  });
  await expect(tenants.get('../acme')).rejects.toMatchObject({ code: 'TENANT_UNKNOWN' });
});

test('all tenants are streamed from the store, outside the scope of the reader', async () => {
  const { tenancy, memory } = await registry();
  const scopes: unknown[] = [];
  const watched = createTenancy({
    store: {
      ...memory,
      async *all(filter) {
        for await (const tenant of memory.all(filter)) {
          scopes.push(currentScope());
          yield tenant;
        }
      },
    },
  });
  await tenancy.central(async () => {
    expect(await idsOf(watched.tenants.all())).toEqual(['acme', 'birch']);
    for await (const { id } of watched.tenants.all({ status: 'active' })) {
      expect([id, currentScope()?.kind]).toEqual(['acme', 'central']);
      break;
    }
  });
  expect(scopes).toEqual([undefined, undefined, undefined]);
});

test('a reader of all tenants who stops early lets the store end its reading', async () => {
  const { memory } = await registry();
  const ended = vi.fn();
  const { tenants } = createTenancy({
    store: {
      ...memory,
      async *all(filter) {
        try {
          yield* memory.all(filter);
        } finally {
          ended(currentScope());
        }
      },
    },
  });
  for await (const _ of tenants.all()) break;
  expect(ended).toHaveBeenCalledExactlyOnceWith(undefined);
});

test('streaming all tenants from a store that goes down is told as unavailable', async () => {
  const { memory } = await registry();
  const { tenants } = createTenancy({
    store: {
      ...memory,
      async *all(filter) {
        for await (const tenant of memory.all(filter)) {
          yield tenant;
          throw new Error('down');
        }
      },
    },
  });
  const seen: string[] = [];
  async function reading() {
    for await (const { id } of tenants.all()) seen.push(id);
  }
  await expect(reading()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  expect(seen).toEqual(['acme']);
});

test('an update is seen by the next scope, and the resources are told', async () => {
  const { tenancy, tenants, changed } = await registry();
  await tenancy.run('acme', () => undefined);
  await tenants.update('acme', { name: 'Acme', config: { seats: 5 }, plan: 'free' });
  expect(await tenancy.run('acme', ({ name, config, plan }) => [name, config.seats, plan])).toEqual([
    'Acme',
    5,
    'free',
  ]);
  expect(changed.mock.calls).toEqual([['acme']]);
});

test('an update that the store made and could not say so is seen too', async () => {
  const { memory } = await registry();
  const { tenants } = createTenancy({
    store: {
      ...memory,
      async update(...change) {
        await memory.update(...change);
        throw new Error('connection lost');
      },
    },
  });
  await tenants.get('acme');
  await expect(tenants.update('acme', { name: 'New' })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  expect((await tenants.get('acme')).name).toBe('New');
});

test.each([{ id: 'x' }, { status: 'active' }, { placement: {} }, { isolation: 'row' }, { createdAt: new Date() }])(
  'an update cannot change %j',
  async (change) => {
    const { tenants } = await registry();
    await expect(tenants.update('acme', change as TenantUpdate<Acme>)).rejects.toMatchObject({
      code: 'TENANT_INVALID',
    });
  },
);

test('a suspended tenant is closed at once, also to those who know it, and opens again', async () => {
  const { tenancy, tenants, changed } = await registry();
  const told: string[] = [];
  tenancy.signals.on('suspended', ({ tenant }) => void told.push(tenant.status));
  tenancy.signals.on('resumed', ({ tenant }) => void told.push(tenant.status));
  const known = await tenants.get('acme');
  await tenancy.run(known, () => undefined);
  expect((await tenants.suspend('acme')).status).toBe('suspended');
  await expect(tenancy.run(known, () => undefined)).rejects.toMatchObject({ code: 'TENANT_SUSPENDED' });
  await expect(tenants.suspend('acme')).rejects.toMatchObject({ code: 'TRANSITION_REFUSED' });
  await tenants.resume('acme');
  expect(await tenancy.run('acme', ({ status }) => status)).toBe('active');
  await expect(tenants.resume('acme')).rejects.toMatchObject({ code: 'TRANSITION_REFUSED' });
  expect(told).toEqual(['suspended', 'active']);
  expect(changed).toHaveBeenCalledWith('acme');
});

test('a verb for an id that no tenant can have is refused before the store is asked', async () => {
  const { tenants, find, addDomain } = await registry();
  find.mockClear();
  for (const id of ["x'", '..', 'ACME', 'a\0']) {
    const attempts = [
      () => tenants.update(id, { name: 'x' }),
      () => tenants.suspend(id),
      () => tenants.resume(id),
      () => tenants.migrate(id),
      () => tenants.remove(id),
      () => tenants.domains(id),
      () => tenants.addDomain(id, 'x.com'),
    ];
    for (const attempt of attempts) await expect(attempt()).rejects.toMatchObject({ code: 'TENANT_UNKNOWN' });
  }
  expect(find).not.toHaveBeenCalled();
  expect(addDomain).not.toHaveBeenCalled();
});

test('a resource that cannot drop what it cached does not undo the change, and is reported', async () => {
  const { tenants, changed, onError } = await registry();
  const error = new Error('stuck');
  changed.mockRejectedValueOnce(error);
  expect((await tenants.update('acme', { name: 'New' })).name).toBe('New');
  expect(onError).toHaveBeenCalledExactlyOnceWith(error, { tenant: 'acme' });
});

test('a domain leads to its tenant as soon as it is added, and nowhere once it is removed', async () => {
  const { tenants } = await registry();
  expect(await tenants.findByDomain('shop.acme.com')).toBeUndefined();
  expect(await tenants.addDomain('acme', 'SHOP.acme.com', { primary: true })).toEqual({
    host: 'shop.acme.com',
    tenantId: 'acme',
    primary: true,
  });
  expect((await tenants.findByDomain('shop.acme.com'))?.id).toBe('acme');
  expect((await tenants.domains('acme')).map(({ host }) => host)).toEqual(['acme.com', 'shop.acme.com']);
  await tenants.removeDomain('birch', 'shop.acme.com');
  expect((await tenants.findByDomain('shop.acme.com'))?.id, 'no tenant takes another’s').toBe('acme');
  await tenants.removeDomain('acme', 'Shop.Acme.com');
  await tenants.removeDomain('acme', 'shop.acme.com');
  expect(await tenants.findByDomain('shop.acme.com')).toBeUndefined();
});

test('a name and a domain that were unknown a moment ago are known once their tenant is created', async () => {
  const { tenancy, tenants } = await registry();
  expect(await tenants.tryGet('cedar')).toBeUndefined();
  expect(await tenants.findByDomain('cedar.com')).toBeUndefined();
  await tenants.create({ id: 'cedar', domains: ['cedar.com'] });
  expect(await tenancy.run('cedar', ({ id }) => id)).toBe('cedar');
  expect((await tenants.findByDomain('cedar.com'))?.id).toBe('cedar');
});

test('a domain moves from one tenant to another without a moment at the old one', async () => {
  const { tenants } = await registry();
  await tenants.findByDomain('acme.com');
  await tenants.removeDomain('acme', 'acme.com');
  await tenants.addDomain('birch', 'acme.com');
  expect((await tenants.findByDomain('acme.com'))?.id).toBe('birch');
});

test('a domain is refused that is taken, no host name, a public host, or for a tenant that is not there', async () => {
  const { tenants } = await registry();
  await expect(tenants.addDomain('birch', 'acme.com')).rejects.toMatchObject({ code: 'DOMAIN_TAKEN' });
  await expect(tenants.addDomain('birch', 'App.com')).rejects.toMatchObject({ code: 'DOMAIN_TAKEN' });
  await expect(tenants.create({ id: 'cedar', domains: ['app.com'] })).rejects.toMatchObject({ code: 'DOMAIN_TAKEN' });
  await expect(tenants.addDomain('birch', '127.0.0.1')).rejects.toMatchObject({ code: 'DOMAIN_INVALID' });
  await expect(tenants.removeDomain('acme', 'a b')).rejects.toMatchObject({ code: 'DOMAIN_INVALID' });
  await expect(tenants.addDomain('nobody', 'x.com')).rejects.toMatchObject({ code: 'TENANT_UNKNOWN' });
  expect(await tenants.domains('birch')).toEqual([]);
});

test('a tenant that is made again under its id has nothing of the former one', async () => {
  const { tenancy, tenants } = await registry();
  await tenants.update('acme', { config: { secret: 'old' } });
  await tenancy.run('acme', () => undefined);
  expect((await tenants.findByDomain('acme.com'))?.id).toBe('acme');
  await tenants.remove('acme');
  await tenants.create({ id: 'acme' });
  expect(await tenancy.run('acme', ({ config }) => ({ ...config }))).toEqual({});
  expect(await tenants.findByDomain('acme.com')).toBeUndefined();
});

test('a tenant is closed for a while or for good, and opened again', async () => {
  const tenancy = createTenancy({ store: memoryStore() });
  const { tenants } = tenancy;
  await tenants.create({ id: 'acme' });
  await tenants.startMaintenance('acme');
  await expect(tenancy.run('acme', () => 1)).rejects.toMatchObject({ code: 'TENANT_MAINTENANCE' });
  await tenants.archive('acme');
  await expect(tenancy.run('acme', () => 1)).rejects.toMatchObject({ code: 'TENANT_ARCHIVED' });
  await tenants.resume('acme');
  expect(await tenancy.run('acme', () => 1)).toBe(1);
});

test('a refusal of the registry is a TenancyError of this package', async () => {
  const { tenants } = createTenancy({ store: memoryStore() });
  await expect(tenants.get('nobody')).rejects.toBeInstanceOf(TenancyError);
});
