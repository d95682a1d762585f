import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { isTenancyError } from '../errors/errors.ts';
import type { VerbOptions } from '../models/verb-options.ts';
import { defineResource } from '../resource.ts';
import { memoryStore } from '../stores/memory.ts';
import type { TenantStore } from '../stores/store.ts';
import { createTenancy } from '../tenancy.ts';

/** A resource whose storage several processes reach, and a step at which one of them is held. */
function files(storage: Set<string>, heldAt?: 'create' | 'destroy' | 'migrate') {
  const reached = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  async function step(name: string, act: () => void): Promise<void> {
    if (name === heldAt) {
      reached.resolve();
      await go.promise;
    }
    act();
  }
  const resource = defineResource({
    name: 'files',
    open: () => 1,
    create: ({ id }) => step('create', () => storage.add(id)),
    migrate: () => step('migrate', () => {}),
    destroy: ({ id }) => step('destroy', () => storage.delete(id)),
  });
  return { resource, reached: reached.promise, go: go.resolve };
}

function processes(heldAt: 'create' | 'destroy' | 'migrate', verbs: VerbOptions = { waitMs: 0 }) {
  const store = memoryStore();
  const storage = new Set<string>();
  const held = files(storage, heldAt);
  const here = createTenancy({ store, resources: [held.resource] });
  const there = createTenancy({ store, resources: [files(storage).resource], verbs });
  return { here: here.tenants, there: there.tenants, held, storage, store };
}

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'done',
    (error) => (isTenancyError(error) ? error.code : error),
  );
}

describe('while one process removes a tenant, another', () => {
  test.each(['remove', 'migrate', 'create', 'adopt'] as const)('cannot %s it', async (verb) => {
    const { here, there, held, storage } = processes('destroy');
    await there.create({ id: 'acme' });
    const removing = here.remove('acme');
    await held.reached;
    const input = { id: 'acme' };
    const attempts = {
      remove: () => there.remove('acme'),
      migrate: () => there.migrate('acme'),
      create: () => there.create(input),
      adopt: () => there.adopt(input),
    };
    expect(await codeOf(attempts[verb]())).toBe(verb === 'migrate' ? 'TRANSITION_REFUSED' : 'TENANT_BUSY');
    held.go();
    await removing;
    expect([...storage]).toEqual([]);
    await there.create(input);
    expect([...storage]).toEqual(['acme']);
  });

  test('that also removes it waits, and has nothing left to do', async () => {
    const { here, there, held } = processes('destroy', {});
    await there.create({ id: 'acme' });
    const removing = here.remove('acme');
    await held.reached;
    const second = there.remove('acme');
    // All that is in memory has been done by then, and both wait for the lease.
    await nextTurn();
    const next = there.create({ id: 'acme' });
    held.go();
    await Promise.all([removing, second]);
    expect((await next).status).toBe('active');
  });
});

test('two processes that remove a tenant at once: one does, and both are told so', async () => {
  const { here, there, held } = processes('destroy', {});
  await there.create({ id: 'acme' });
  held.go();
  const codes = await Promise.all([codeOf(here.remove('acme')), codeOf(there.remove('acme'))]);
  expect(codes).toEqual(['done', 'done']);
});

test('while one process creates a tenant, another can neither repair nor clear it', async () => {
  const { here, there, held, storage } = processes('create');
  const creating = here.create({ id: 'acme' });
  await held.reached;
  expect(await codeOf(there.repair('acme'))).toBe('TENANT_BUSY');
  expect(await codeOf(there.repair('acme', { clear: true }))).toBe('TENANT_BUSY');
  expect(await codeOf(there.create({ id: 'acme' }))).toBe('TENANT_BUSY');
  held.go();
  expect((await creating).status).toBe('active');
  expect([...storage]).toEqual(['acme']);
});

test('while one process migrates a tenant, another cannot remove it', async () => {
  const { here, there, held } = processes('migrate');
  await there.create({ id: 'acme' });
  const migrating = here.migrate('acme');
  await held.reached;
  expect(await codeOf(there.remove('acme'))).toBe('TENANT_BUSY');
  held.go();
  expect((await migrating).status).toBe('active');
});

describe('while one process repairs a tenant, another', () => {
  async function beingRepaired(verbs: VerbOptions) {
    const all = processes('destroy', verbs);
    await all.there.create({ id: 'acme' });
    await all.store.update('acme', { status: 'failed' });
    const repairing = all.here.repair('acme');
    await all.held.reached;
    return { ...all, repairing };
  }

  test('can neither remove nor clear it', async () => {
    const { there, held, repairing } = await beingRepaired({ waitMs: 0 });
    expect(await codeOf(there.remove('acme'))).toBe('TENANT_BUSY');
    expect(await codeOf(there.repair('acme', { clear: true }))).toBe('TENANT_BUSY');
    held.go();
    expect((await repairing).status).toBe('active');
  });

  test('that also repairs it waits, and leaves what was made', async () => {
    const { there, held, repairing, storage } = await beingRepaired({});
    const second = there.repair('acme');
    held.go();
    const [one, other] = await Promise.all([repairing, second]);
    expect([one.status, other.status]).toEqual(['active', 'active']);
    expect([...storage]).toEqual(['acme']);
  });

  test('that waits to clear it does not remove what has become active', async () => {
    const { there, held, repairing, storage } = await beingRepaired({});
    const clearing = codeOf(there.repair('acme', { clear: true }));
    held.go();
    await repairing;
    expect(await clearing).toBe('TRANSITION_REFUSED');
    expect([...storage]).toEqual(['acme']);
  });
});

describe('a process that was silent for longer than its lease', () => {
  async function takenOver(heldAt: 'destroy' | 'create') {
    const store = memoryStore();
    const { leases } = store;
    let isSilent = true;
    const silent: TenantStore = {
      ...store,
      ...(leases && {
        leases: {
          ...leases,
          renew: (...lease) => (isSilent ? Promise.reject(new Error('silent')) : leases.renew(...lease)),
        },
      }),
    };
    const storage = new Set<string>();
    const late = files(storage, heldAt);
    const rows = defineResource({
      name: 'rows',
      open: () => 1,
      create: async ({ id }) => void storage.add(`rows of ${id}`),
      destroy: async ({ id }) => void storage.delete(`rows of ${id}`),
    });
    const here = createTenancy({ store: silent, resources: [rows, late.resource], verbs: { leaseMs: 30 } }).tenants;
    const there = createTenancy({ store, resources: [rows, files(storage).resource] }).tenants;
    function comeBack() {
      isSilent = false;
      late.go();
    }
    return { here, there, reached: late.reached, comeBack, storage };
  }

  test('goes no further with a removal, and a successor keeps its storage', async () => {
    const { here, there, reached, comeBack, storage } = await takenOver('destroy');
    await there.create({ id: 'acme' });
    const removing = codeOf(here.remove('acme'));
    await reached;
    await there.remove('acme');
    await there.create({ id: 'acme' });
    comeBack();
    expect(await removing).toBe('TENANT_BUSY');
    expect(storage).toContain('rows of acme');
    expect((await there.get('acme')).status).toBe('active');
  });

  test('goes no further with a creation, and undoes nothing of what was repaired', async () => {
    const { here, there, reached, comeBack, storage } = await takenOver('create');
    const creating = here.create({ id: 'acme' }).catch((error) => error);
    await reached;
    expect((await there.repair('acme')).status).toBe('active');
    comeBack();
    expect(await creating).toMatchObject({ code: 'PROVISION_FAILED', message: expect.stringContaining('left alone') });
    expect(storage).toContain('rows of acme');
  });
});

test('a store that does not answer gets no more than a few renewals of a lease', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  try {
    const store = memoryStore();
    const { leases } = store;
    const answers: PromiseWithResolvers<boolean>[] = [];
    function renew(): Promise<boolean> {
      const answer = Promise.withResolvers<boolean>();
      answers.push(answer);
      return answer.promise;
    }
    const silent: TenantStore = { ...store, ...(leases && { leases: { ...leases, renew } }) };
    const held = files(new Set(), 'create');
    const { tenants } = createTenancy({ store: silent, resources: [held.resource], verbs: { leaseMs: 30 } });
    const creating = tenants.create({ id: 'acme' });
    await held.reached;
    await vi.advanceTimersByTimeAsync(300);
    expect(answers).toHaveLength(3);
    for (const { resolve } of answers) resolve(true);
    await vi.advanceTimersByTimeAsync(10);
    expect(answers).toHaveLength(4);
    answers[3]?.resolve(true);
    held.go();
    expect((await creating).status).toBe('active');
  } finally {
    vi.useRealTimers();
  }
});

test.each([{ leaseMs: 0 }, { leaseMs: 1.5 }, { waitMs: -1 }, 7])('the options %j are refused', (verbs) => {
  expect(() => createTenancy({ store: memoryStore(), verbs: verbs as never })).toThrow(/requires verbs/);
});
