import { describe, expect, test } from 'vitest';
import { fleet } from '../fixtures/fleet.ts';

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
