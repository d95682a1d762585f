import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createTenancy, memoryStore } from '@omnitenant/core';
import { describe, expect, test } from 'vitest';
import { createCache } from '../src/cache.ts';
import { application } from './fixtures/application.ts';

describe('a cache reports', () => {
  test('hits and misses, with tenant and key, until nobody listens', async () => {
    const { cache, tenancy } = await application(createCache());
    await using _ = tenancy;
    const seen: unknown[] = [];
    const off = cache.on('hit', (event) => seen.push(['hit', event]));
    cache.on('miss', (event) => seen.push(['miss', event]));
    await tenancy.run('acme', async () => {
      await cache.getOrSet('a', () => 1);
      await cache.getOrSet('a', () => 1);
      await cache.getMany(['a', 'b']);
    });
    await tenancy.central(() => cache.get('a'));
    off();
    await tenancy.run('acme', () => cache.get('a'));
    expect(seen).toEqual([
      ['miss', { tenant: 'acme', key: 'a' }],
      ['hit', { tenant: 'acme', key: 'a', stale: false }],
      ['hit', { tenant: 'acme', key: 'a', stale: false }],
      ['miss', { tenant: 'acme', key: 'b' }],
      ['miss', { tenant: undefined, key: 'a' }],
    ]);
  });

  test('values that are served while the next is built', async () => {
    const { cache, tenancy } = await application(createCache());
    await using _ = tenancy;
    const stale: boolean[] = [];
    cache.on('hit', (event) => stale.push(event.stale));
    await tenancy.run('acme', async () => {
      await cache.set('a', 'old', { ttlMs: 1, graceMs: 60_000 });
      await expect.poll(() => cache.has('a')).toBe(false);
      await Promise.all(['new', 'newer'].map((value) => cache.getOrSet('a', () => value)));
    });
    expect(stale).toEqual([true]);
  });

  test('a Redis that fails, also where the caller hears nothing of it', async () => {
    const cache = createCache({ redis: 'redis://127.0.0.1:1', timeoutMs: 500 });
    await using tenancy = createTenancy({ store: memoryStore(), resources: [cache] });
    await tenancy.tenants.create({ id: 'acme' });
    const seen: unknown[] = [];
    cache.on('error', (event) => seen.push(event));
    await expect(tenancy.run('acme', () => cache.get('a'))).rejects.toThrow('cannot be');
    expect(seen).toEqual([{ tenant: 'acme', error: expect.objectContaining({ code: 'SERVER_UNAVAILABLE' }) }]);
  });
});

test('a cache counts hits, misses, builds and failures of all tenants', async () => {
  const { cache, tenancy } = await application(createCache());
  await using _ = tenancy;
  const { promise: built, resolve: build } = Promise.withResolvers<number>();
  const reading = ['acme', 'beta'].map((id) => tenancy.run(id, () => cache.getOrSet('a', () => built)));
  await expect.poll(() => cache.stats()).toEqual({ hits: 0, misses: 2, errors: 0, builds: 2, building: 2 });
  build(1);
  await Promise.all(reading);
  await tenancy.run('acme', () => cache.get('a'));
  const failing = tenancy.run('acme', () => cache.getOrSet('b', () => Promise.reject(new Error('Failed.'))));
  await expect(failing).rejects.toThrow('Failed.');
  expect(cache.stats()).toEqual({ hits: 1, misses: 3, errors: 0, builds: 3, building: 0 });

  const down = createCache({ redis: 'redis://127.0.0.1:1', timeoutMs: 500, name: 'down' });
  const heard: unknown[] = [];
  const listen = (message: unknown) => void heard.push(message);
  subscribe('omnitenant:cache:failed', listen);
  const { tenancy: other } = await application(down);
  await using __ = other;
  await expect(other.run('acme', () => down.get('a'))).rejects.toThrow('cannot be');
  unsubscribe('omnitenant:cache:failed', listen);
  expect(down.stats()).toMatchObject({ hits: 0, errors: 1 });
  expect(heard).toEqual([{ tenant: 'acme', message: expect.stringContaining('connection to its Redis was lost') }]);
});
