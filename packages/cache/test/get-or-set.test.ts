import { obtainable, type TestRedis, testRedis } from '@omnitenant/tooling';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createCache } from '../src/cache.ts';
import type { CacheOptions } from '../src/cache-options.ts';
import { type Application, application } from './fixtures/application.ts';

const hasRedis = await obtainable('redis-server');
const kinds = hasRedis ? ['memory', 'Redis'] : ['memory'];
let redis: TestRedis;
let client: Redis;
let started = 0;
const open: Application[] = [];

beforeAll(async () => {
  if (!hasRedis) return;
  redis = await testRedis();
  client = new Redis(redis.url);
});
afterEach(async () => {
  for (const { tenancy } of open.splice(0)) await tenancy.close();
});
afterAll(async () => {
  client?.disconnect();
  await redis?.drop();
});

/** An application of three tenants with a cache of its own. */
async function start(kind: string, options: CacheOptions = {}): Promise<Application> {
  started += 1;
  const where = kind === 'Redis' ? { redis: client, prefix: `${redis.prefix}${started}:` } : {};
  const app = await application(createCache({ ...options, ...where }));
  open.push(app);
  return app;
}

describe.each(kinds)('getOrSet, in %s,', (kind) => {
  test('builds what is not there, and takes what is', async () => {
    const { cache, tenancy } = await start(kind);
    const built: string[] = [];
    const report = (id: string) => cache.getOrSet('report', () => built.push(id) && { id });
    for (const id of ['acme', 'beta', 'acme']) expect(await tenancy.run(id, () => report(id))).toEqual({ id });
    expect(built).toEqual(['acme', 'beta']);
  });

  test('leaves nothing behind where nothing is built, or the build fails', async () => {
    const { cache, tenancy } = await start(kind, { maxEntries: 2 });
    await tenancy.run('acme', () => cache.set('kept', 1));
    await tenancy.run('beta', async () => {
      for (let n = 0; n < 5; n += 1) {
        expect(await cache.getOrSet(`missing ${n}`, () => undefined)).toBeUndefined();
        const failing = cache.getOrSet(`failing ${n}`, () => Promise.reject(new Error('out of tea')));
        await expect(failing).rejects.toThrow('out of tea');
      }
    });
    expect(await tenancy.run('acme', () => cache.get('kept'))).toBe(1);
    if (kind === 'Redis') expect(await client.keys(`${redis.prefix}${started}:{beta@*`)).toEqual([]);
  });

  test('gives what is kept, the first time too', async () => {
    const { cache, tenancy } = await start(kind);
    const build = () => ({ at: new Date(0), left: undefined });
    await tenancy.run('acme', async () => {
      const first = await cache.getOrSet<unknown>('a', build);
      expect(first).toEqual({ at: '1970-01-01T00:00:00.000Z' });
      expect(await cache.getOrSet<unknown>('a', build)).toEqual(first);
    });
  });

  test('builds once for all of a tenant who ask meanwhile, each in a scope of its own', async () => {
    const { cache, tenancy } = await start(kind);
    const builds: string[] = [];
    const { promise: go, resolve } = Promise.withResolvers<void>();
    const ask = (id: string) =>
      tenancy.run(id, () =>
        cache.getOrSet('report', async () => {
          builds.push(tenancy.current().id);
          await go;
          return [id];
        }),
      );
    const asked = ['acme', 'beta', 'acme', 'beta', 'acme'].map(ask);
    await expect.poll(() => builds.length).toBe(2);
    resolve();
    const values = await Promise.all(asked);
    expect(values).toEqual([['acme'], ['beta'], ['acme'], ['beta'], ['acme']]);
    expect(values[0]).not.toBe(values[2]);
    expect(builds.sort()).toEqual(['acme', 'beta']);
  });

  test('does not fail for those who joined a scope that failed', async () => {
    const { cache, tenancy } = await start(kind);
    const { promise: go, reject } = Promise.withResolvers<never>();
    const building = Promise.withResolvers<void>();
    const failing = tenancy.run('acme', () =>
      cache.getOrSet('report', () => {
        building.resolve();
        return go;
      }),
    );
    await building.promise;
    const joined = tenancy.run('acme', () => cache.getOrSet('report', () => 'built by another'));
    reject(new Error('The caller has gone.'));
    await expect(failing).rejects.toThrow('The caller has gone.');
    expect(await joined).toBe('built by another');
  });

  test('keeps nothing where nothing was built', async () => {
    const { cache, tenancy } = await start(kind);
    await tenancy.run('acme', async () => {
      expect(await cache.getOrSet('a', () => undefined)).toBeUndefined();
      await expect(cache.getOrSet('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
      expect(await cache.has('a')).toBe(false);
      expect(await cache.getOrSet('a', () => 1)).toBe(1);
    });
  });

  const changes: Record<string, (cache: Application['cache']) => Promise<unknown>> = {
    delete: (cache) => cache.delete('a'),
    clear: (cache) => cache.clear(),
    invalidate: (cache) => cache.invalidate('red'),
    set: (cache) => cache.set('a', 'newer'),
  };
  describe.each(Object.keys(changes))('whose key was changed meanwhile by %s', (change) => {
    test('does not keep what is older', async () => {
      const { cache, tenancy } = await start(kind);
      await tenancy.run('acme', async () => {
        await cache.getOrSet('a', () => changes[change]?.(cache).then(() => 'older'), { tags: ['red'] });
        expect(await cache.get('a')).toBe(change === 'set' ? 'newer' : undefined);
      });
    });

    test('does not give what is older to those who ask after', async () => {
      const { cache, tenancy } = await start(kind);
      await tenancy.run('acme', async () => {
        const { promise: go, resolve } = Promise.withResolvers<string>();
        const building = Promise.withResolvers<void>();
        const older = cache.getOrSet(
          'a',
          () => {
            building.resolve();
            return go;
          },
          { tags: ['red'] },
        );
        await building.promise;
        await changes[change]?.(cache);
        expect(await cache.getOrSet('a', () => 'newer', { tags: ['red'] })).toBe('newer');
        resolve('older');
        expect(await older).toBe('older');
        expect(await cache.get('a')).toBe('newer');
      });
    });
  });

  test('keeps what was built while other keys and tenants changed', async () => {
    const { cache, tenancy } = await start(kind);
    await tenancy.run('acme', async () => {
      await cache.getOrSet(
        'a',
        async () => {
          await cache.delete('b');
          await cache.invalidate('blue');
          await tenancy.run('beta', () => cache.clear());
          return 1;
        },
        { tags: ['red'] },
      );
      expect(await cache.get('a')).toBe(1);
    });
  });
});
