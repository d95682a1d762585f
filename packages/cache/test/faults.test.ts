import { currentScope } from '@omnitenant/core/extend';
import { obtainable, testRedisServer } from '@omnitenant/tooling';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createCache } from '../src/cache.ts';
import { type Application, application } from './fixtures/application.ts';

const unavailable = expect.objectContaining({ name: 'TenancyError', code: 'SERVER_UNAVAILABLE', status: 503 });

describe.skipIf(!(await obtainable('redis-server')))('a Redis that fails', () => {
  let server: Awaited<ReturnType<typeof testRedisServer>>;
  let admin: Redis;
  let app: Application;

  beforeEach(async () => {
    server = await testRedisServer();
    admin = new Redis(server.url, { lazyConnect: true, retryStrategy: () => 20 });
    admin.on('error', () => {});
    app = await application(createCache({ redis: server.url, timeoutMs: 1_500 }));
  });
  afterEach(async () => {
    await app.tenancy.close();
    admin.disconnect();
    await server.stop();
  });

  const port = () => Number(new URL(server.url).port);

  test('and comes back empty is used again, by itself, and without what it lost', async () => {
    const { cache, tenancy } = app;
    await tenancy.run('acme', () => cache.set('a', 1, { tags: ['red'] }));
    await server.stop();
    await expect(tenancy.run('acme', () => cache.get('a'))).rejects.toEqual(unavailable);
    await expect(tenancy.run('beta', () => cache.getOrSet('a', () => 1))).rejects.toEqual(unavailable);
    server = await testRedisServer({ port: port() });
    await expect.poll(() => tenancy.run('acme', () => cache.get('a')).catch(() => 'refused')).toBeUndefined();
    await tenancy.run('acme', () => cache.set('a', 2));
    expect(await tenancy.run('acme', () => cache.get('a'))).toBe(2);
  });

  test('in the midst of a build lets it end, and keeps nothing that a later one could take for new', async () => {
    const { cache, tenancy } = app;
    await tenancy.run('acme', async () => {
      const built = cache.getOrSet('a', async () => {
        await server.stop();
        server = await testRedisServer({ port: port() });
        await expect.poll(() => cache.has('a').catch(() => 'refused')).toBe(false);
        return 'older';
      });
      expect(await built).toBe('older');
      expect(await cache.get('a')).toBeUndefined();
      expect(await cache.getOrSet('a', () => 'newer')).toBe('newer');
      expect(await cache.get('a')).toBe('newer');
    });
  });

  test('to answer is not waited for, and every tenant gets its own answer afterwards', async () => {
    const { cache, tenancy } = app;
    for (const id of ['acme', 'beta']) await tenancy.run(id, () => cache.set('a', `of ${id}`));
    await admin.client('PAUSE', 60_000, 'WRITE');
    const answers = await Promise.allSettled(['acme', 'beta'].map((id) => tenancy.run(id, () => cache.get('a'))));
    expect(answers).toEqual(answers.map(() => ({ status: 'rejected', reason: unavailable })));
    await admin.client('UNPAUSE');
    for (const id of ['acme', 'beta']) {
      const read = () => tenancy.run(id, () => cache.get('a')).catch(() => 'refused');
      await expect.poll(read).toBe(`of ${id}`);
    }
  });

  test('is not waited for by a client of the application that would wait for ever', async () => {
    const client = new Redis(server.url, { maxRetriesPerRequest: null, retryStrategy: () => 20 });
    client.on('error', () => {});
    await using _ = { [Symbol.asyncDispose]: async () => client.disconnect() };
    const { cache, tenancy } = await application(createCache({ redis: client, timeoutMs: 200 }));
    await using _tenancy = tenancy;
    await client.ping();
    await server.stop();
    await expect(tenancy.run('acme', () => cache.get('a'))).rejects.toEqual(unavailable);
    server = await testRedisServer({ port: port() });
    await expect.poll(() => tenancy.run('acme', () => cache.get('a')).catch(() => 'refused')).toBeUndefined();
    await tenancy.close();
    expect(await client.ping()).toBe('PONG');
  });

  test('for want of memory refuses what would need some, and still reads, deletes and clears', async () => {
    const { cache, tenancy } = app;
    for (const id of ['acme', 'beta']) await tenancy.run(id, () => cache.set('a', `of ${id}`));
    await tenancy.run('acme', () => cache.set('b', 1));
    await admin.config('SET', 'maxmemory-policy', 'noeviction');
    await admin.config('SET', 'maxmemory', 1);
    await tenancy.run('acme', async () => {
      for (const write of [() => cache.set('c', 1), () => cache.increment('b'), () => cache.getOrSet('c', () => 1)]) {
        await expect(write()).rejects.toEqual(unavailable);
        await expect(write()).rejects.toThrow(
          'The cache of the tenant "acme" is not available: its Redis has no memory left (OOM).',
        );
      }
      expect(await cache.get('a')).toBe('of acme');
      expect(await cache.get('b')).toBe(1);
      expect(await cache.getOrSet('a', () => 'built')).toBe('of acme');
      expect(await cache.delete('b')).toBe(true);
      await cache.clear();
      expect(await cache.has('a')).toBe(false);
    });
    await tenancy.tenants.remove('acme');
    expect(await tenancy.run('beta', () => cache.get('a'))).toBe('of beta');
    await admin.config('SET', 'maxmemory', 0);
    await tenancy.run('beta', () => cache.set('c', 1));
  });

  test('keeps a tenant from being removed halfway, and not from being removed later', async () => {
    const { cache, tenancy } = app;
    await tenancy.run('acme', () => cache.set('a', 1));
    await admin.client('PAUSE', 60_000, 'WRITE');
    await expect(tenancy.tenants.remove('acme')).rejects.toMatchObject({ code: 'REMOVE_FAILED', cause: unavailable });
    await admin.client('UNPAUSE');
    await expect
      .poll(() =>
        tenancy.tenants.remove('acme').then(
          () => 'removed',
          () => 'refused',
        ),
      )
      .toBe('removed');
    expect(await admin.keys('*')).toEqual([]);
  });

  test('forgets the scripts, and is told them again', async () => {
    const { cache, tenancy } = app;
    await tenancy.run('acme', () => cache.set('a', 1));
    await admin.script('FLUSH');
    expect(await tenancy.run('acme', () => cache.get('a'))).toBe(1);
  });

  test('drops a tenant to make room, and leaves nothing half-valid of it', async () => {
    const { cache, tenancy } = app;
    await tenancy.run('acme', async () => {
      await cache.set('a', 1, { tags: ['red'] });
      const keys = await admin.keys('*acme*');
      expect(keys).toHaveLength(1);
      await admin.del(keys);
      expect(await cache.get('a')).toBeUndefined();
      await cache.set('a', 2, { tags: ['red'] });
      expect(await cache.get('a')).toBe(2);
      await cache.invalidate('red');
      expect(await cache.get('a')).toBeUndefined();
    });
  });

  test('holds nothing that lives for ever, and ends with its last entry', async () => {
    const { cache, tenancy } = app;
    await tenancy.run('acme', async () => {
      await cache.set('long', 1, { ttlMs: 60_000 });
      await cache.set('short', 1, { ttlMs: 1 });
      await expect.poll(() => cache.has('short')).toBe(false);
      await cache.increment('hits', 1, { ttlMs: 1_000 });
      const [fields = ''] = await admin.keys('*acme@*');
      expect((await admin.hkeys(fields)).sort()).toEqual(['ehits', 'elong', 'mhits', 'mlong']);
      for (const key of await admin.keys('*')) {
        const left = await admin.pttl(key);
        expect(left > 50_000 && left <= 60_000).toBe(true);
      }
      await cache.delete('long');
      for (const key of await admin.keys('*')) expect((await admin.pttl(key)) <= 1_000).toBe(true);
    });
  });

  test('never runs what it was asked in a scope for in that of a tenant', async () => {
    const { cache, tenancy } = app;
    const seen: unknown[] = [];
    const client = new Redis(server.url, { lazyConnect: true });
    for (const event of ['connect', 'ready', 'close']) client.on(event, () => seen.push(currentScope()));
    const other = await application(createCache({ redis: client }));
    await using _ = other.tenancy;
    await other.tenancy.run('acme', () => other.cache.set('a', 1));
    await tenancy.run('acme', () => cache.set('a', 1));
    client.disconnect();
    await expect.poll(() => seen).toEqual([undefined, undefined, undefined]);
  });
});
