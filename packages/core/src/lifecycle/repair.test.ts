import { describe, expect, test } from 'vitest';
import { fleet, resourcesOn, steps } from '../fixtures/fleet.ts';
import { createTenancy } from '../tenancy.ts';

/** Holds the next change of a record before it is made. */
function holdUpdate({ store, memory }: Pick<ReturnType<typeof fleet>, 'store' | 'memory'>) {
  const held = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  store.update.mockImplementationOnce(async (...change) => {
    reached.resolve();
    await held.promise;
    return memory.update(...change);
  });
  return { reached: reached.promise, go: held.resolve };
}

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
  ])(
    'that a process was still making, where there are no leases, finishes it; that one, when it %s, leaves it alone',
    async (_, at) => {
      const { tenancy, tenants, failures, storage, store, memory } = fleet({ leases: false });
      const { reached, go } = holdUpdate({ store, memory });
      failures.on = at;
      const creating = tenants.create({ id: 'acme' }).catch((error) => error);
      await reached;
      failures.on = undefined;
      const elsewhere = createTenancy({ store: memory, resources: resourcesOn(storage) });
      expect((await elsewhere.tenants.repair('acme')).status).toBe('active');
      go();
      expect(await creating).toMatchObject({
        code: 'PROVISION_FAILED',
        message: expect.stringContaining('left alone'),
      });
      expect((await memory.find('acme'))?.status).toBe('active');
      expect([...storage]).toEqual(['db/acme', 'files/acme']);
      expect(await tenancy.run('acme', () => 'in')).toBe('in');
    },
  );

  test('that another process clears while it is being made, where there are no leases, leaves nothing of either', async () => {
    const { tenants, failures, storage, store, memory } = fleet({ leases: false });
    const { reached, go } = holdUpdate({ store, memory });
    failures.on = 'files.migrate';
    const creating = tenants.create({ id: 'acme' }).catch((error) => error);
    await reached;
    await createTenancy({ store: memory }).tenants.repair('acme', { clear: true });
    go();
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
