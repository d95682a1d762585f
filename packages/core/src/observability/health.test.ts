import { expect, test } from 'vitest';
import { defineResource } from '../resource.ts';
import { memoryStore } from '../stores/memory.ts';
import { createTenancy } from '../tenancy.ts';

test('a tenancy that works is live and ready, and says what was looked at', async () => {
  await using tenancy = createTenancy({ store: memoryStore() });
  const { live, ready, checks } = await tenancy.health();
  expect({ live, ready }).toEqual({ live: true, ready: true });
  expect(checks.map(({ name, status }) => [name, status])).toEqual([
    ['store', 'ok'],
    ['tenants', 'ok'],
  ]);
});

test('a check that fails, or does not answer, makes it unready with a reason without credentials; a warning does not', async () => {
  const broken = defineResource({
    name: 'broken',
    open: () => undefined,
    probes: [
      { name: 'down', check: () => Promise.reject(new Error('no way to postgres://app:secret@db/app')) },
      {
        name: 'thrown',
        check: () => {
          throw new Error('not begun');
        },
      },
      { name: 'silent', check: () => new Promise<never>(() => {}) },
      { name: 'full', check: async () => 'nearly full' },
    ],
  });
  await using tenancy = createTenancy({ store: memoryStore(), resources: [broken] });
  const { live, ready, checks } = await tenancy.health({ timeoutMs: 20 });
  expect({ live, ready }).toEqual({ live: true, ready: false });
  const found = Object.fromEntries(checks.map(({ name, status, reason }) => [name, [status, reason]]));
  expect(found).toMatchObject({
    store: ['ok', undefined],
    down: ['failed', expect.stringContaining('no way to')],
    thrown: ['failed', 'not begun'],
    silent: ['failed', 'No answer within 20 ms.'],
    full: ['warning', 'nearly full'],
  });
  expect(JSON.stringify(checks)).not.toContain('secret');
});

test('tenants that somebody has to look after are counted, and named only where that is asked for', async () => {
  const failing = defineResource({
    name: 'failing',
    open: () => undefined,
    create: async () => {
      throw new Error('no storage');
    },
    destroy: async () => {
      throw new Error('nor an end of it');
    },
  });
  const first = defineResource({
    name: 'first',
    open: () => undefined,
    destroy: async () => {
      throw new Error('stays');
    },
    create: async () => {},
  });
  await using tenancy = createTenancy({ store: memoryStore(), resources: [first, failing] });
  await expect(tenancy.tenants.create({ id: 'secretive' })).rejects.toMatchObject({ code: 'PROVISION_FAILED' });
  const health = await tenancy.health();
  expect(health.ready).toBe(true);
  expect(health.checks.find(({ name }) => name === 'tenants')).toMatchObject({
    status: 'warning',
    reason: 'Tenants need repair or removal: 1 failed.',
  });
  expect(JSON.stringify(health)).not.toContain('secretive');
  const { checks } = await tenancy.health({ nameTenants: true });
  expect(checks.find(({ name }) => name === 'tenants')).toMatchObject({ tenants: ['secretive'] });
});

test('many who ask at once cost one look, and a tenancy that is closed is neither live nor ready', async () => {
  let looks = 0;
  const counted = defineResource({
    name: 'counted',
    open: () => undefined,
    probes: [
      {
        name: 'counted',
        check: async () => {
          looks += 1;
        },
      },
    ],
  });
  const tenancy = createTenancy({ store: memoryStore(), resources: [counted] });
  await Promise.all(Array.from({ length: 50 }, () => tenancy.health()));
  expect(looks).toBe(1);
  await tenancy.close();
  expect(await tenancy.health()).toEqual({ live: false, ready: false, checks: [] });
  expect(looks).toBe(1);
});

test('scopes and lookups are counted', async () => {
  await using tenancy = createTenancy({ store: memoryStore() });
  await tenancy.tenants.create({ id: 'acme' });
  const before = tenancy.stats();
  await tenancy.run('acme', async () => {
    await tenancy.central(() => expect(tenancy.stats().scopes.open).toBe(2));
  });
  await tenancy.run('acme', () => 1);
  await expect(tenancy.run('nobody', () => 1)).rejects.toMatchObject({ code: 'TENANT_UNKNOWN' });
  await expect(tenancy.run('nobody', () => 1)).rejects.toMatchObject({ code: 'TENANT_UNKNOWN' });
  const { scopes, lookups } = tenancy.stats();
  expect(scopes).toEqual({ open: 0, entered: before.scopes.entered + 3 });
  expect(lookups.inFlight).toBe(0);
  expect(lookups.misses - before.lookups.misses).toBe(2);
  expect(lookups.hits - before.lookups.hits).toBe(2);
});

test('changes of tenants that cannot be read are a warning, without a credential, until they can be', async () => {
  const failure = new Error('no way to postgres://app:secret@db/app');
  let isDown = true;
  const store = {
    ...memoryStore(),
    changes: async () => {
      if (isDown) throw failure;
      return { complete: true, changes: [], until: 1 };
    },
  };
  await using tenancy = createTenancy({ store });
  const changes = async () => (await tenancy.health()).checks.find(({ name }) => name === 'changes');
  const seen = await changes();
  expect(seen).toMatchObject({ status: 'warning', reason: expect.stringContaining('cannot be read') });
  expect(seen?.reason).not.toContain('secret');
  isDown = false;
  expect(await changes()).toMatchObject({ status: 'ok' });
});
