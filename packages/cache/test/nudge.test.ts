import { createTenancy, memoryStore, type TenancyOptions } from '@omnitenant/core';
import type { TenantRecordChange, TenantStore } from '@omnitenant/core/extend';
import { obtainable, testRedisServer } from '@omnitenant/tooling';
import { Cluster } from 'ioredis';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createCache } from '../src/cache.ts';
import type { CacheOptions } from '../src/cache-options.ts';

const soon = { interval: 5 };

/** A store that processes share, and that tells of its changes. */
function sharedStore(): TenantStore {
  const store = memoryStore();
  const log: TenantRecordChange[] = [];
  return {
    ...store,
    async update(id, ...rest) {
      const tenant = await store.update(id, ...rest);
      log.push({ kind: 'changed', tenant: id });
      return tenant;
    },
    changes: async (since = log.length) => ({ until: log.length, complete: true, changes: log.slice(since) }),
  };
}

describe.skipIf(!(await obtainable('redis-server')))('nudges through Redis', () => {
  async function openServer(options?: { port: number }) {
    const server = await testRedisServer(options);
    onTestFinished(() => server.stop());
    return server;
  }

  /** Its clock stands: it looks at changes only where it is nudged. */
  function openProcess(store: TenantStore, cacheOptions: CacheOptions, options: TenancyOptions = {}) {
    const cache = createCache(cacheOptions);
    const onError = vi.fn();
    const clock = { now: () => 0 };
    const tenancy = createTenancy({
      ...options,
      store,
      resources: [cache],
      nudge: cache.nudge(),
      cache: { clock },
      onError,
    });
    onTestFinished(() => tenancy.close());
    const nameOf = async (id: string) => (await tenancy.tenants.tryGet(id))?.name;
    return { tenancy, tenants: tenancy.tenants, onError, nameOf };
  }

  test('tell other processes of a change, also by one that ends right after it', async () => {
    const { url } = await openServer();
    const store = sharedStore();
    const there = openProcess(store, { redis: url });
    const first = openProcess(store, { redis: url });
    await first.tenants.create({ id: 'acme', name: 'n0' });
    expect(await there.nameOf('acme')).toBe('n0');
    // The subscription may not stand yet, so what it brings may be its first look.
    await first.tenants.update('acme', { name: 'n1' });
    await vi.waitFor(async () => expect(await there.nameOf('acme')).toBe('n1'), soon);
    const script = openProcess(store, { redis: url });
    await script.tenants.update('acme', { name: 'n2' });
    await script.tenancy.close();
    await vi.waitFor(async () => expect(await there.nameOf('acme')).toBe('n2'), soon);
    expect(there.onError).not.toHaveBeenCalled();
  });

  test('that are missed are made up for when Redis is back, and its absence is told once', async () => {
    const server = await openServer();
    const store = sharedStore();
    const there = openProcess(store, { redis: server.url });
    const here = openProcess(store, { redis: server.url });
    await here.tenants.create({ id: 'acme', name: 'n0' });
    expect(await there.nameOf('acme')).toBe('n0');
    await here.tenants.update('acme', { name: 'n1' });
    await vi.waitFor(async () => expect(await there.nameOf('acme')).toBe('n1'), soon);
    await server.stop();
    await here.tenants.update('acme', { name: 'n2' });
    await vi.waitFor(() => expect(there.onError).toHaveBeenCalledTimes(1), soon);
    expect(there.onError.mock.calls[0]?.[0]).toMatchObject({ code: 'SERVER_UNAVAILABLE' });
    expect(await there.nameOf('acme')).toBe('n1');
    await openServer({ port: Number(new URL(server.url).port) });
    await vi.waitFor(async () => expect(await there.nameOf('acme')).toBe('n2'), soon);
  });
});

test('nudges need a Redis that is no cluster', () => {
  const refusal = expect.objectContaining({ code: 'CONFIG_INVALID' });
  expect(() => createCache().nudge()).toThrow(refusal);
  const cluster = new Cluster([{ host: '127.0.0.1', port: 1 }], { lazyConnect: true });
  expect(() => createCache({ redis: cluster }).nudge()).toThrow(refusal);
  cluster.disconnect();
});
