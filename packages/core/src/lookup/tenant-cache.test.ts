import { describe, expect, test, vi } from 'vitest';
import type { Tenant } from '../models/tenant.ts';
import { guardedStore } from '../registry/guarded-store.ts';

import { memoryStore } from '../stores/memory.ts';
import type { TenantNames, TenantStore } from '../stores/store.ts';
import { draftOf } from '../testing/store/promise.ts';
import { createTenantCache, type TenantCacheOptions } from './tenant-cache.ts';

function turn() {
  return new Promise<void>((resolve) => setImmediate(resolve));
}

/** A store whose lookups are counted, and answered when the test says so. */
async function watched({
  held = false,
  cannotSort = false,
  ...options
}: TenantCacheOptions & { held?: boolean; cannotSort?: boolean } = {}) {
  const memory = memoryStore();
  await memory.insert(draftOf('acme'), [{ host: 'acme.com', tenantId: 'acme', primary: true }]);
  await memory.insert(draftOf('birch'), []);
  let now = 1;
  const asked: string[] = [];
  const answers: (() => void)[] = [];
  async function lookup(name: string, answer: () => Promise<Tenant | undefined>) {
    asked.push(name);
    const found = await answer();
    if (held) await new Promise<void>((resolve) => answers.push(resolve));
    return found;
  }
  const find = vi.fn((id: string) => lookup(id, () => memory.find(id)));
  const findByDomain = vi.fn((host: string) => lookup(host, () => memory.findByDomain(host)));
  const existing = vi.fn((names: TenantNames) => (memory.existing as NonNullable<typeof memory.existing>)(names));
  const store = { ...memory, find, findByDomain, existing };
  const sorting = cannotSort ? { ...store, existing: undefined } : store;
  const cache = createTenantCache(guardedStore(sorting as TenantStore), { ...options, clock: { now: () => now } });
  function pass(ms: number) {
    now += ms;
  }
  return { cache, memory, store, asked, answers, pass };
}

describe('a tenant', () => {
  test('is asked for once, and then served at once as the same snapshot', async () => {
    const { cache, asked } = await watched();
    const first = await cache.find('acme');
    expect(first?.id).toBe('acme');
    expect(cache.find('acme')).toBe(first);
    expect(asked).toEqual(['acme']);
  });

  test('is served for its ttl, and then asked for again', async () => {
    const { cache, asked, pass } = await watched({ ttlMs: 1_000 });
    await cache.find('acme');
    pass(999);
    expect(cache.find('acme')).not.toBeInstanceOf(Promise);
    pass(2);
    await cache.find('acme');
    expect(asked).toEqual(['acme', 'acme']);
  });

  test('that is not active is served for the shorter ttl of unknown names', async () => {
    const { cache, asked, pass, memory } = await watched({ ttlMs: 1_000, unknownTtlMs: 100 });
    await memory.update('acme', { status: 'suspended' });
    await cache.find('acme');
    pass(99);
    await cache.find('acme');
    expect(asked).toEqual(['acme']);
    pass(2);
    await cache.find('acme');
    expect(asked).toEqual(['acme', 'acme']);
  });

  test('that many callers ask for at once is asked for once', async () => {
    const { cache, asked, answers } = await watched({ held: true });
    const all = Array.from({ length: 100 }, () => cache.find('acme'));
    await turn();
    answers[0]?.();
    const found = await Promise.all(all);
    expect(new Set(found).size).toBe(1);
    expect(asked).toEqual(['acme']);
  });

  test('is one of at most max', async () => {
    const { cache, asked } = await watched({ max: 1 });
    for (const id of ['acme', 'birch', 'acme']) await cache.find(id);
    expect(asked).toEqual(['acme', 'birch', 'acme']);
  });
});

describe('a host', () => {
  test('is asked for once, in all its spellings, and knows its tenant by id too', async () => {
    const { cache, asked } = await watched();
    const tenant = await cache.findByDomain('acme.com');
    for (const spelling of ['ACME.com', 'acme.com.', 'acme.com:8080'])
      expect(cache.findByDomain(spelling)).toBe(tenant);
    expect(cache.find('acme')).toBe(tenant);
    expect(asked).toEqual(['acme.com']);
  });

  test('leads to the newest snapshot of its tenant', async () => {
    const { cache, memory } = await watched();
    await cache.findByDomain('acme.com');
    await memory.update('acme', { name: 'New' });
    cache.changed('acme');
    expect((await cache.findByDomain('acme.com'))?.name).toBe('New');
  });

  test('leads to no tenant of the same id that was made later', async () => {
    const { cache, memory } = await watched();
    await cache.findByDomain('acme.com');
    await memory.delete('acme');
    cache.gone('acme');
    await memory.insert(draftOf('acme'), []);
    await cache.find('acme');
    expect(await cache.findByDomain('acme.com')).toBeUndefined();
  });
});

describe('an unknown name', () => {
  test('is asked for once, for the ttl of unknown names', async () => {
    const { cache, asked, pass } = await watched({ ttlMs: 1_000, unknownTtlMs: 100 });
    for (const _ of [1, 2]) {
      expect(await cache.find('nobody')).toBeUndefined();
      expect(await cache.findByDomain('nobody.com')).toBeUndefined();
    }
    expect(asked).toEqual(['nobody', 'nobody.com']);
    pass(101);
    await cache.find('nobody');
    expect(asked).toHaveLength(3);
  });

  test.each(['ACME', '../acme', "acme'--", 'acme\0', 'x'.repeat(49), '123', 'pg-catalog', 'central', 'xn--a', ''])(
    'that can be no id, %j, never reaches the store',
    async (id) => {
      const { cache, asked } = await watched();
      expect(await cache.find(id)).toBeUndefined();
      expect(asked).toEqual([]);
    },
  );

  test.each(['localhost', '127.0.0.1', '[::1]', 'a b.com', 'evil@acme.com', ''])(
    'that can be no domain, %j, never reaches the store',
    async (host) => {
      const { cache, asked } = await watched();
      expect(await cache.findByDomain(host)).toBeUndefined();
      expect(asked).toEqual([]);
    },
  );

  test('does not crowd out the tenants that are known, however many there are', async () => {
    const { cache, asked } = await watched({ max: 2 });
    await cache.find('acme');
    for (let n = 0; n < 3_000; n += 1) await cache.find(`nobody-${n}`);
    asked.length = 0;
    await cache.find('acme');
    expect(asked).toEqual([]);
    await cache.find('nobody-2999');
    expect(asked).toEqual([]);
    await cache.find('nobody-0');
    expect(asked).toEqual(['nobody-0']);
  });
});

describe('a flood of distinct names', () => {
  test('asks the store for a bounded number at once, and everyone is answered in the end', async () => {
    const { cache, asked, answers } = await watched({ held: true, cannotSort: true });
    const all = Array.from({ length: 1_000 }, (_, n) => cache.find(`nobody-${n}`));
    const acme = cache.find('acme');
    await turn();
    expect(asked).toHaveLength(16);
    let answered = 0;
    while (answered < 1_001) {
      while (answers.length > 0) {
        answers.shift()?.();
        answered += 1;
      }
      await turn();
      expect(answers.length).toBeLessThanOrEqual(16);
    }
    expect(await Promise.all(all)).toEqual(new Array(1_000).fill(undefined));
    expect((await acme)?.id).toBe('acme');
  });

  test('of unknown names keeps no tenant waiting: those who exist are found among them, a thousand by one question', async () => {
    const { cache, asked, answers, store } = await watched({ held: true });
    const unknown = Array.from({ length: 5_000 }, (_, n) => cache.findByDomain(`nobody-${n}.com`));
    const acme = cache.findByDomain('acme.com');
    const birch = cache.find('birch');
    for (let n = 0; n < 16; n += 1) {
      await turn();
      answers.shift()?.();
    }
    await turn();
    expect(asked.slice(16)).toEqual(['acme.com', 'birch']);
    expect(store.existing.mock.calls.length).toBeLessThanOrEqual(7);
    for (const answer of answers) answer();
    expect([(await acme)?.id, (await birch)?.id]).toEqual(['acme', 'birch']);
    expect(await Promise.all(unknown)).toEqual(new Array(5_000).fill(undefined));
    expect(await cache.findByDomain('nobody-4999.com')).toBeUndefined();
    expect(asked).toHaveLength(18);
  });

  test('lets a tenant that was found before go first, and never refuses it', async () => {
    const { cache, asked, answers, pass } = await watched({ ttlMs: 1_000, cannotSort: true });
    await cache.findByDomain('acme.com');
    pass(1_001);
    const held = Array.from({ length: 10_017 }, (_, n) => Promise.resolve(cache.find(`nobody-${n}`)));
    const refused = expect(held[10_016]).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    asked.length = 0;
    const acme = cache.findByDomain('acme.com');
    expect((await acme)?.id).toBe('acme');
    expect(asked.indexOf('acme.com')).toBeLessThan(16);
    expect(answers).toEqual([]);
    await refused;
    await Promise.allSettled(held);
  });

  test('whose names cannot be sorted out asks for each', async () => {
    const { cache, asked, store } = await watched();
    store.existing.mockRejectedValue(new Error('no'));
    const all = await Promise.all(Array.from({ length: 100 }, (_, n) => cache.find(`nobody-${n}`)));
    expect(all).toEqual(new Array(100).fill(undefined));
    expect(asked).toHaveLength(100);
  });

  test('that is larger than may wait is refused as busy, and never told as unknown', async () => {
    const { cache } = await watched({ held: true });
    const all = Array.from({ length: 10_017 }, (_, n) => cache.find(`nobody-${n}`));
    await expect(all[10_016]).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', status: 503 });
  });
});

describe('a change', () => {
  test('is seen by the next caller, who joins no lookup that began before it', async () => {
    const { cache, memory, asked, answers } = await watched({ held: true });
    const early = cache.find('acme');
    await turn();
    await memory.update('acme', { name: 'New' });
    cache.changed('acme');
    const late = cache.find('acme');
    await turn();
    expect(asked).toEqual(['acme', 'acme']);
    answers[1]?.();
    expect((await late)?.name).toBe('New');
    answers[0]?.();
    expect((await early)?.name).toBe('acme');
    expect((await cache.find('acme'))?.name).toBe('New');
  });

  test('is not undone by a lookup that began before it and ends after it', async () => {
    const { cache, memory, answers } = await watched({ held: true });
    const early = cache.find('acme');
    await turn();
    await memory.update('acme', { name: 'New' });
    cache.changed('acme');
    answers[0]?.();
    await early;
    const late = cache.find('acme');
    await turn();
    answers[1]?.();
    expect((await late)?.name).toBe('New');
  });

  test('is not undone through a host that was being looked up meanwhile', async () => {
    const { cache, memory, answers } = await watched({ held: true });
    const early = cache.findByDomain('acme.com');
    await turn();
    await memory.update('acme', { name: 'New' });
    cache.changed('acme');
    answers[0]?.();
    expect((await early)?.name).toBe('acme');
    const late = cache.find('acme');
    await turn();
    answers[1]?.();
    expect((await late)?.name).toBe('New');
  });

  test('makes a name known that was not, at once', async () => {
    const { cache, memory } = await watched();
    await cache.find('cedar');
    await cache.findByDomain('cedar.com');
    await memory.insert(draftOf('cedar'), [{ host: 'cedar.com', tenantId: 'cedar', primary: true }]);
    cache.changed('cedar');
    cache.domainChanged('cedar.com');
    expect((await cache.find('cedar'))?.id).toBe('cedar');
    expect((await cache.findByDomain('cedar.com'))?.id).toBe('cedar');
  });

  test('of where a host leads is seen at once', async () => {
    const { cache, memory } = await watched();
    await cache.findByDomain('acme.com');
    await memory.removeDomain('acme', 'acme.com');
    await memory.addDomain({ host: 'acme.com', tenantId: 'birch', primary: false });
    cache.domainChanged('acme.com');
    expect((await cache.findByDomain('acme.com'))?.id).toBe('birch');
  });

  test('of where a host leads is not undone by a lookup that began before it', async () => {
    const { cache, memory, answers } = await watched({ held: true });
    const early = cache.findByDomain('acme.com');
    await turn();
    await memory.removeDomain('acme', 'acme.com');
    cache.domainChanged('acme.com');
    answers[0]?.();
    expect((await early)?.id).toBe('acme');
    const late = cache.findByDomain('acme.com');
    await turn();
    answers[1]?.();
    expect(await late).toBeUndefined();
  });
});

describe('a store that is down', () => {
  test('is told as unavailable, never as unknown, and is asked again by the next caller', async () => {
    const { cache, store } = await watched();
    const down = new Error('connect postgres://app:s3cret@db/main');
    store.find.mockRejectedValueOnce(down);
    store.findByDomain.mockRejectedValueOnce(down);
    for (const lookup of [cache.find('acme'), cache.findByDomain('acme.com')]) {
      const error = await Promise.resolve(lookup).catch((thrown) => thrown);
      expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', status: 503 });
      expect(error.cause.message).toBe('connect postgres://***@db/main');
    }
    expect((await cache.find('acme'))?.id).toBe('acme');
    expect((await cache.findByDomain('acme.com'))?.id).toBe('acme');
  });

  test('does not take away what is known', async () => {
    const { cache, store } = await watched();
    await cache.find('acme');
    store.find.mockRejectedValue(new Error('down'));
    expect((await cache.find('acme'))?.id).toBe('acme');
  });
});

test('lookups are counted: in memory, in the store or with another’s, and those under way', async () => {
  const { cache, answers } = await watched({ held: true });
  const first = cache.find('acme');
  const second = cache.find('acme');
  expect(cache.stats()).toEqual({ hits: 0, misses: 2, inFlight: 1 });
  await vi.waitFor(() => expect(answers).toHaveLength(1));
  for (const answer of answers) answer();
  await Promise.all([first, second]);
  await cache.find('acme');
  expect(cache.stats()).toEqual({ hits: 1, misses: 2, inFlight: 0 });
});
