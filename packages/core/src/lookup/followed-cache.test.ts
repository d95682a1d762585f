import { expect, test, vi } from 'vitest';
import type { TenantRecordChange } from '../stores/changes.ts';
import { memoryStore } from '../stores/memory.ts';
import type { TenantStore } from '../stores/store.ts';
import { draftOf } from '../testing/store/promise.ts';
import { createFollowedCache } from './followed-cache.ts';

/** A store that another process writes to, and a clock that the test moves. */
function followed() {
  const memory = memoryStore();
  const log: TenantRecordChange[] = [];
  const answers = { down: false, complete: true };
  const changes = vi.fn(async (since = log.length) => {
    if (answers.down) throw new Error('down');
    return { until: log.length, complete: answers.complete, changes: log.slice(since) };
  });
  const store: TenantStore = { ...memory, find: vi.fn(memory.find), changes };
  let now = 0;
  const clock = { now: () => now };
  const onChanged = vi.fn();
  const cache = createFollowedCache(store, { clock, ttlMs: 600_000, trustMs: 20_000 }, onChanged);
  return {
    memory,
    store,
    cache,
    changes,
    answers,
    onChanged,
    pass: (ms: number) => {
      now += ms;
    },
    async elsewhere(change: TenantRecordChange, act: () => Promise<unknown>) {
      await act();
      log.push(change);
    },
    statusOf: async (id: string) => (await cache.find(id))?.status,
  };
}

async function withAcme() {
  const all = followed();
  await all.memory.insert(draftOf('acme'), [{ host: 'acme.com', tenantId: 'acme', primary: true }]);
  expect(await all.statusOf('acme')).toBe('active');
  const suspend = () => all.memory.update('acme', { status: 'suspended' });
  return { ...all, suspendElsewhere: () => all.elsewhere({ kind: 'changed', tenant: 'acme' }, suspend) };
}

test('what another process has changed is seen a second and a half later, and known to the resources', async () => {
  const { suspendElsewhere, statusOf, pass, onChanged } = await withAcme();
  await suspendElsewhere();
  pass(1_501);
  expect(await statusOf('acme')).toBe('suspended');
  expect(onChanged).toHaveBeenCalledWith('acme');
});

test('callers do not wait for the changes while there is traffic', async () => {
  const { suspendElsewhere, statusOf, cache, pass, changes } = await withAcme();
  await suspendElsewhere();
  pass(900);
  expect(cache.find('acme')).toMatchObject({ status: 'active' });
  expect(changes).toHaveBeenCalledTimes(1);
  pass(200);
  expect(cache.find('acme')).toMatchObject({ status: 'active' });
  await vi.waitFor(async () => expect(await statusOf('acme')).toBe('suspended'));
  expect(changes).toHaveBeenCalledTimes(2);
});

test('a removed tenant, and a domain that moved, lead to the former owner no longer', async () => {
  const { cache, memory, elsewhere, pass } = await withAcme();
  await memory.insert(draftOf('birch'), []);
  expect((await cache.findByDomain('acme.com'))?.id).toBe('acme');
  await elsewhere({ kind: 'domain', host: 'acme.com' }, async () => {
    await memory.removeDomain('acme', 'acme.com');
    await memory.addDomain({ host: 'acme.com', tenantId: 'birch', primary: true });
  });
  pass(2_000);
  expect((await cache.findByDomain('acme.com'))?.id).toBe('birch');
  await elsewhere({ kind: 'removed', tenant: 'acme' }, () => memory.delete('acme'));
  pass(2_000);
  expect(await cache.find('acme')).toBeUndefined();
});

test('a tenant that is created elsewhere is known, though it was asked for before', async () => {
  const { cache, memory, elsewhere, pass } = followed();
  expect(await cache.find('acme')).toBeUndefined();
  await elsewhere({ kind: 'changed', tenant: 'acme' }, () => memory.insert(draftOf('acme'), []));
  pass(1_600);
  expect((await cache.find('acme'))?.id).toBe('acme');
});

test('a lookup that began before a change does not write back what it read', async () => {
  const { cache, store, memory, elsewhere, pass, statusOf } = followed();
  const old = await memory.insert(draftOf('acme'), []);
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  vi.mocked(store.find).mockImplementationOnce(async () => {
    await gate;
    return old;
  });
  const lookup = cache.find('acme');
  await vi.waitFor(() => expect(store.find).toHaveBeenCalled());
  await elsewhere({ kind: 'changed', tenant: 'acme' }, () => memory.update('acme', { status: 'suspended' }));
  pass(2_000);
  await cache.find('other');
  open();
  await lookup;
  expect(await statusOf('acme')).toBe('suspended');
});

test('while the changes cannot be read, what is cached is trusted for a time, and nobody waits twice', async () => {
  const { suspendElsewhere, statusOf, cache, pass, answers, changes } = await withAcme();
  await suspendElsewhere();
  answers.down = true;
  pass(5_000);
  expect(await statusOf('acme')).toBe('active');
  const asked = changes.mock.calls.length;
  expect(cache.find('acme')).toMatchObject({ status: 'active' });
  expect(changes).toHaveBeenCalledTimes(asked);
  pass(15_001);
  expect(await statusOf('acme')).toBe('suspended');
});

test('where changes are missing, everything is looked up again', async () => {
  const { memory, statusOf, pass, answers } = await withAcme();
  await memory.update('acme', { status: 'archived' });
  answers.complete = false;
  pass(2_000);
  expect(await statusOf('acme')).toBe('archived');
});

test('who is not asked asks nothing', async () => {
  const { changes, pass } = await withAcme();
  pass(60_000);
  expect(changes).toHaveBeenCalledTimes(1);
});

test('what this process has read since is not read again', async () => {
  const { cache, store, memory, elsewhere, pass } = followed();
  await memory.insert(draftOf('acme'), []);
  await cache.find('other');
  const updated = await memory.update('acme', { name: 'Acme' });
  cache.changed('acme');
  await cache.find('acme');
  vi.mocked(store.find).mockClear();
  await elsewhere({ kind: 'changed', tenant: 'acme', updatedAt: updated.updatedAt.getTime() }, async () => {});
  pass(2_000);
  expect((await cache.find('acme'))?.name).toBe('Acme');
  expect(store.find).not.toHaveBeenCalled();
});
