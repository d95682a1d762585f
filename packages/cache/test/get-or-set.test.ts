import { createTenancy } from '@omnitenant/core';
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
async function start(kind: string, options: CacheOptions = {}) {
  started += 1;
  const where = kind === 'Redis' ? { redis: client, prefix: `${redis.prefix}${started}:` } : {};
  const app = await application(createCache({ ...options, ...where }));
  open.push(app);
  return app;
}

/** One application in two processes, whose tenants and Redis are the same. */
async function twoProcesses(): Promise<[Application, Application]> {
  const here = await start('Redis');
  const cache = createCache({ redis: client, prefix: `${redis.prefix}${started}:` });
  const there = { cache, tenancy: createTenancy({ store: here.store, resources: [cache] }) };
  open.push(there);
  return [here, there];
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
    const { cache, tenancy } = await start(kind, { maxEntries: 2, tenantShare: 1 });
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
      expect(first).toStrictEqual(build());
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

  describe('in a build', () => {
    test('of the same key, rejects at once, however deep', async () => {
      const { cache, tenancy } = await start(kind);
      const settings = (): Promise<string> => cache.getOrSet('settings', async () => `for the ${await plan()}`);
      const plan = (): Promise<string> => cache.getOrSet('plan', settings);
      await tenancy.run('acme', async () => {
        await expect(settings()).rejects.toThrow('waits for itself: "settings" → "plan" → "settings"');
        await expect(Promise.all([settings(), plan()])).rejects.toThrow('waits for itself');
        expect(await cache.getOrSet('settings', () => 'mended')).toBe('mended');
      });
    });

    test('finds other keys, the same key of other tenants and caches, and its own once it is built', async () => {
      const { cache, tenancy } = await start(kind);
      const other = await start(kind);
      const built = ['b', 'b', 'of beta', 'of another'];
      const { promise: isKept, resolve } = Promise.withResolvers<void>();
      const later: Promise<unknown>[] = [];
      const value = await tenancy.run('acme', () =>
        cache.getOrSet('a', async () => {
          later.push(isKept.then(() => cache.getOrSet<unknown>('a', () => 'built again')));
          return Promise.all([
            cache.getOrSet('b', () => 'b'),
            cache.getOrSet('b', () => 'b'),
            tenancy.run('beta', () => cache.getOrSet('a', () => 'of beta')),
            other.tenancy.run('acme', () => other.cache.getOrSet('a', () => 'of another')),
          ]);
        }),
      );
      expect(value).toEqual(built);
      resolve();
      expect(await Promise.all(later)).toEqual([built]);
    });

    test('of two that ask for each other, nobody waits for ever', async () => {
      const { cache, tenancy } = await start(kind, { waitMs: 600_000, buildTimeoutMs: 600_000 });
      const { promise: bothBuild, resolve } = Promise.withResolvers<void>();
      const ask = (key: string, other: string): Promise<string> =>
        cache.getOrSet(key, async () => {
          if (key === 'b') resolve();
          await bothBuild;
          return cache.getOrSet(other, () => ask(key, other));
        });
      await tenancy.run('acme', async () => {
        const outcomes = await Promise.allSettled([ask('a', 'b'), ask('b', 'a')]);
        expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      });
    });
  });

  test.runIf(kind === 'Redis')('in another process keeps what it builds, though a build here fails', async () => {
    const [here, there] = await twoProcesses();
    const builds = [here, there].map(({ cache, tenancy }) => {
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      const begun = Promise.withResolvers<void>();
      const build = () => {
        begun.resolve();
        return promise;
      };
      const value = tenancy.run('acme', () => cache.getOrSet('a', build));
      return { value, begun: begun.promise, resolve, reject };
    });
    await Promise.all(builds.map(({ begun }) => begun));
    builds[0]?.reject(new Error('out of tea'));
    await expect(builds[0]?.value).rejects.toThrow('out of tea');
    builds[1]?.resolve('kept');
    await builds[1]?.value;
    expect(await here.tenancy.run('acme', () => here.cache.get('a'))).toBe('kept');
  });

  describe('with a build that does not end', () => {
    const never = () => new Promise<never>(() => {});

    test('aborts it after its time, rejects, and keeps nothing of it', async () => {
      const { cache, tenancy } = await start(kind);
      await tenancy.run('acme', async () => {
        const { promise: aborted, resolve } = Promise.withResolvers<unknown>();
        const { promise: late, resolve: finish } = Promise.withResolvers<string>();
        const building = cache.getOrSet(
          'report',
          ({ signal }) => {
            signal.addEventListener('abort', () => resolve(signal.reason));
            return late;
          },
          { buildTimeoutMs: 50 },
        );
        await expect(building).rejects.toThrow('The build of "report" took longer than 50 ms.');
        await expect(building).rejects.toHaveProperty('name', 'TimeoutError');
        expect(await aborted).toHaveProperty('name', 'TimeoutError');
        finish('too late');
        expect(await cache.has('report')).toBe(false);
        expect(await cache.getOrSet('report', () => 'mine')).toBe('mine');
      });
      await tenancy.run('beta', () => expect(cache.getOrSet('a', never, { buildTimeoutMs: 1 })).rejects.toThrow());
      if (kind === 'Redis') expect(await client.keys(`${redis.prefix}${started}:{beta@*`)).toEqual([]);
    });

    test('lets others build for themselves after a while', async () => {
      const { cache, tenancy } = await start(kind, { waitMs: 50, buildTimeoutMs: 3_000 });
      await tenancy.run('acme', async () => {
        const hanging = cache.getOrSet('report', never);
        const hangs = expect(hanging).rejects.toHaveProperty('name', 'TimeoutError');
        const builds: number[] = [];
        const asked = await Promise.all(
          [1, 2, 3].map((n) => cache.getOrSet('report', () => `built ${builds.push(n)}`)),
        );
        expect(asked).toEqual(['built 1', 'built 1', 'built 1']);
        expect(await cache.get('report')).toBe('built 1');
        await hangs;
        expect(await cache.get('report')).toBe('built 1');
      });
    });

    test('does not take the right to keep a value from others who build', async () => {
      const { cache, tenancy } = await start(kind, { waitMs: 1 });
      await tenancy.run('acme', async () => {
        const { promise: go, resolve } = Promise.withResolvers<string>();
        const hanging = expect(cache.getOrSet('report', never, { buildTimeoutMs: 200 })).rejects.toThrow('200 ms');
        const second = cache.getOrSet('report', () => go);
        await hanging;
        resolve('kept');
        expect(await second).toBe('kept');
        expect(await cache.get('report')).toBe('kept');
      });
    });
  });

  describe('with grace', () => {
    const grace = { ttlMs: 1, graceMs: 60_000, tags: ['red'] };

    /** Asks for a key whose time is over, and gives what happens meanwhile. */
    async function rebuilding({ cache }: Application) {
      await cache.set('a', 'old', grace);
      await expect.poll(() => cache.has('a')).toBe(false);
      const { promise: go, resolve, reject } = Promise.withResolvers<string>();
      const begun = Promise.withResolvers<void>();
      const build = () => {
        begun.resolve();
        return go;
      };
      const rebuilt = cache.getOrSet('a', build, { ...grace, ttlMs: 60_000 });
      await begun.promise;
      return { rebuilt, resolve, reject };
    }

    test('serves the old value while one builds the next', async () => {
      const app = await start(kind, { waitMs: 600_000 });
      const { cache, tenancy } = app;
      await tenancy.run('acme', async () => {
        const { rebuilt, resolve } = await rebuilding(app);
        const unused = () => expect.unreachable();
        expect(await Promise.all([1, 2].map(() => cache.getOrSet('a', unused, grace)))).toEqual(['old', 'old']);
        expect(await cache.get('a')).toBeUndefined();
        resolve('new');
        expect(await rebuilt).toBe('new');
        expect(await cache.getOrSet('a', unused)).toBe('new');
      });
    });

    test.runIf(kind === 'Redis')('serves the old value in other processes too', async () => {
      const [here, there] = await twoProcesses();
      await here.tenancy.run('acme', async () => {
        const { rebuilt, resolve } = await rebuilding(here);
        const ask = () => there.tenancy.run('acme', () => there.cache.getOrSet('a', () => expect.unreachable(), grace));
        expect(await ask()).toBe('old');
        resolve('new');
        expect(await rebuilt).toBe('new');
        expect(await ask()).toBe('new');
      });
    });

    test('lets the next caller build where the build failed', async () => {
      const app = await start(kind);
      const { cache, tenancy } = app;
      await tenancy.run('acme', async () => {
        const { rebuilt, reject } = await rebuilding(app);
        reject(new Error('out of tea'));
        await expect(rebuilt).rejects.toThrow('out of tea');
        expect(await cache.getOrSet('a', () => 'newer')).toBe('newer');
      });
    });

    test.each(Object.keys(changes))('never serves what was changed by %s', async (change) => {
      const app = await start(kind);
      const { cache, tenancy } = app;
      await tenancy.run('acme', async () => {
        const { rebuilt, resolve } = await rebuilding(app);
        await changes[change]?.(cache);
        expect(await cache.getOrSet('a', () => 'newer', grace)).toBe('newer');
        resolve('older');
        await rebuilt;
        expect(await cache.getOrSet('a', () => 'newer', grace)).toBe('newer');
      });
    });
  });
});
