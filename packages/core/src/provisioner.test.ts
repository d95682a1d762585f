import { describe, expect, test, vi } from 'vitest';
import { currentScope } from './context.ts';
import { isTenancyError, TenancyError } from './errors.ts';
import type { Tenant } from './models/tenant.ts';
import { defineResource } from './resource.ts';
import { memoryStore } from './stores/memory.ts';
import { createTenancy } from './tenancy.ts';

type Failures = { on?: string | undefined };

/** Two resources whose storage the test can see, and can make fail at a step. */
function resourcesOn(storage: Set<string>, events: string[] = [], failures: Failures = {}) {
  function step(name: string, act: () => void): Promise<void> {
    events.push(name);
    if (failures.on?.split(' ').includes(name)) throw new Error(`${name} broke`);
    act();
    return Promise.resolve();
  }

  const resource = (name: string) =>
    defineResource({
      name,
      open: ({ kind }) => kind,
      create: async ({ id }) => step(`${name}.create`, () => storage.add(`${name}/${id}`)),
      migrate: async () => step(`${name}.migrate`, () => {}),
      destroy: async ({ id }) => step(`${name}.destroy`, () => storage.delete(`${name}/${id}`)),
      changed: (id) => void events.push(`${name}.changed ${id}`),
    });
  return [resource('db'), resource('files')];
}

/** A tenancy over them. */
function fleet() {
  const events: string[] = [];
  const failures: Failures = {};
  const storage = new Set<string>();
  const resources = resourcesOn(storage, events, failures);

  const memory = memoryStore();
  const store = {
    ...memory,
    insert: vi.fn(memory.insert),
    update: vi.fn(memory.update),
    delete: vi.fn(memory.delete),
  };
  const onError = vi.fn();
  const tenancy = createTenancy({ store, resources, onError });
  const signals: string[] = [];
  for (const name of ['creating', 'created', 'migrating', 'migrated', 'removing', 'removed', 'failed'] as const) {
    tenancy.signals.on(name, ({ tenant }) => void signals.push(`${name} ${tenant.status}`));
  }
  return { tenancy, tenants: tenancy.tenants, events, failures, storage, store, memory, signals, onError };
}

function steps(events: readonly string[]) {
  return events.filter((event) => !event.includes('changed'));
}

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
    expect(error.message).toContain('is not undone');
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
    expect(error.message).toContain('It is left failed; call repair("acme")');
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

describe('migrating a tenant', () => {
  test('migrates each resource, in order', async () => {
    const { tenants, events, signals } = fleet();
    await tenants.create({ id: 'acme' });
    events.length = signals.length = 0;
    expect((await tenants.migrate('acme')).id).toBe('acme');
    expect(events).toEqual(['db.migrate', 'files.migrate']);
    expect(signals).toEqual(['migrating active', 'migrated active']);
  });

  test('that fails says which, and the tenant stays what it was', async () => {
    const { tenants, failures, signals } = fleet();
    await tenants.create({ id: 'acme' });
    failures.on = 'files.migrate';
    await expect(tenants.migrate('acme')).rejects.toMatchObject({
      code: 'MIGRATE_FAILED',
      tenant: 'acme',
      message: expect.stringContaining('"files" failed'),
      cause: new Error('files.migrate broke'),
    });
    expect(signals.at(-1)).toBe('failed active');
    expect((await tenants.get('acme')).status).toBe('active');
  });

  test('can be vetoed', async () => {
    const { tenancy, tenants, events } = fleet();
    await tenants.create({ id: 'acme' });
    events.length = 0;
    tenancy.signals.on('migrating', () => Promise.reject(new Error('frozen')));
    await expect(tenants.migrate('acme')).rejects.toMatchObject({ code: 'VETOED' });
    expect(events).toEqual([]);
  });

  test('is refused for one that is not there, or whose storage is not whole', async () => {
    const { tenants, failures, events, signals } = fleet();
    await expect(tenants.migrate('nobody')).rejects.toMatchObject({ code: 'TENANT_UNKNOWN' });
    await expect(tenants.migrate("x'; drop")).rejects.toMatchObject({ code: 'TENANT_UNKNOWN' });
    failures.on = 'files.migrate files.destroy';
    await tenants.create({ id: 'acme' }).catch(() => {});
    events.length = 0;
    await expect(tenants.migrate('acme')).rejects.toMatchObject({ code: 'TRANSITION_REFUSED' });
    expect(events).toEqual([]);
    expect(signals).not.toContain('migrating failed');
  });

  test('is refused when it began to be removed while handlers were asked', async () => {
    const { tenancy, tenants, failures, events } = fleet();
    await tenants.create({ id: 'acme' });
    failures.on = 'db.destroy';
    tenancy.signals.on('migrating', () => tenants.remove('acme').catch(() => {}));
    events.length = 0;
    await expect(tenants.migrate('acme')).rejects.toMatchObject({ code: 'TRANSITION_REFUSED' });
    expect(events).not.toContain('db.migrate');
  });
});

describe('repairing a tenant', () => {
  test('that failed makes its storage anew, and lets it in', async () => {
    const { tenants, events, failures, storage } = fleet();
    failures.on = 'files.migrate db.destroy';
    await expect(tenants.create({ id: 'acme' })).rejects.toMatchObject({ code: 'PROVISION_FAILED' });
    failures.on = undefined;
    events.length = 0;
    expect((await tenants.repair('acme')).status).toBe('active');
    expect(steps(events)).toEqual([
      'files.destroy',
      'db.destroy',
      'db.create',
      'files.create',
      'db.migrate',
      'files.migrate',
    ]);
    expect([...storage]).toEqual(['db/acme', 'files/acme']);
  });

  test.each([
    ['opens it', undefined],
    ['fails at a step', 'files.migrate'],
  ])('that a process was still making finishes it; that one, when it %s, leaves it alone', async (_, at) => {
    const { tenancy, tenants, failures, storage, store, memory } = fleet();
    const held = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    store.update.mockImplementationOnce(async (...change) => {
      reached.resolve();
      await held.promise;
      return memory.update(...change);
    });
    failures.on = at;
    const creating = tenants.create({ id: 'acme' }).catch((error) => error);
    await reached.promise;
    failures.on = undefined;
    const elsewhere = createTenancy({ store: memory, resources: resourcesOn(storage) });
    expect((await elsewhere.tenants.repair('acme')).status).toBe('active');
    held.resolve();
    expect(await creating).toMatchObject({ code: 'PROVISION_FAILED', message: expect.stringContaining('left alone') });
    expect((await memory.find('acme'))?.status).toBe('active');
    expect([...storage]).toEqual(['db/acme', 'files/acme']);
    expect(await tenancy.run('acme', () => 'in')).toBe('in');
  });

  test('that another process clears while it is being made leaves nothing of either', async () => {
    const { tenants, failures, storage, store, memory } = fleet();
    const held = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    store.update.mockImplementationOnce(async (...change) => {
      reached.resolve();
      await held.promise;
      return memory.update(...change);
    });
    failures.on = 'files.migrate';
    const creating = tenants.create({ id: 'acme' }).catch((error) => error);
    await reached.promise;
    await createTenancy({ store: memory }).tenants.repair('acme', { clear: true });
    held.resolve();
    expect(await creating).toMatchObject({ code: 'PROVISION_FAILED' });
    expect(await memory.find('acme')).toBeUndefined();
    expect([...storage]).toEqual([]);
  });

  test('that fails again leaves it failed, and says how to clear it', async () => {
    const { tenants, failures, storage } = fleet();
    failures.on = 'files.migrate db.destroy';
    await expect(tenants.create({ id: 'acme' })).rejects.toMatchObject({ code: 'PROVISION_FAILED' });
    failures.on = 'files.create';
    await expect(tenants.repair('acme')).rejects.toMatchObject({
      code: 'PROVISION_FAILED',
      message: expect.stringContaining('clear: true'),
    });
    expect((await tenants.get('acme')).status).toBe('failed');
    expect(await tenants.repair('acme', { clear: true })).toBeUndefined();
    expect([...storage]).toEqual([]);
    expect(await tenants.tryGet('acme')).toBeUndefined();
  });

  test('is refused for one that is whole', async () => {
    const { tenants, storage } = fleet();
    await tenants.create({ id: 'acme' });
    for (const clear of [true, false]) {
      await expect(tenants.repair('acme', { clear })).rejects.toMatchObject({ code: 'TRANSITION_REFUSED' });
    }
    expect([...storage]).toEqual(['db/acme', 'files/acme']);
  });
});

test('a tenant is closed for a while or for good, and opened again', async () => {
  const { tenancy, tenants } = fleet();
  await tenants.create({ id: 'acme' });
  await tenants.startMaintenance('acme');
  await expect(tenancy.run('acme', () => 1)).rejects.toMatchObject({ code: 'TENANT_MAINTENANCE' });
  await tenants.archive('acme');
  await expect(tenancy.run('acme', () => 1)).rejects.toMatchObject({ code: 'TENANT_ARCHIVED' });
  await tenants.resume('acme');
  expect(await tenancy.run('acme', () => 1)).toBe(1);
});

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

  test('twice at once removes it once, and never the one that is created after it', async () => {
    const { tenancy, tenants, storage } = fleet();
    await tenants.create({ id: 'acme' });
    const [first, second, created] = await Promise.allSettled([
      tenants.remove('acme'),
      tenants.remove('acme'),
      tenants.create({ id: 'acme' }).catch(() => tenants.create({ id: 'acme' })),
    ]);
    const codes = [first, second].map((one) => (one.status === 'rejected' ? one.reason.code : 'removed'));
    expect(codes).toEqual(['removed', 'TENANT_UNKNOWN']);
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

test('a refusal of the registry is a TenancyError of this package', async () => {
  const { tenants } = fleet();
  await expect(tenants.get('nobody')).rejects.toBeInstanceOf(TenancyError);
});
