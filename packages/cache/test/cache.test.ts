import { createTenancy, isTenancyError, memoryStore } from '@omnitenant/core';
import { obtainable, type TestRedis, testRedis } from '@omnitenant/tooling';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createCache } from '../src/cache.ts';
import { type Application, application } from './fixtures/application.ts';

function code(expected: string) {
  return expect.objectContaining({ name: 'TenancyError', code: expected });
}

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
async function start(kind: string, options: Parameters<typeof createCache>[0] = {}): Promise<Application> {
  started += 1;
  const where = kind === 'Redis' ? { redis: client, prefix: `${redis.prefix}${started}:` } : {};
  const app = await application(createCache({ ...where, ...options }));
  open.push(app);
  return app;
}

describe.each(kinds)('in %s', (kind) => {
  describe('a tenant', () => {
    test('finds what it has set, and has no more what it deleted', async () => {
      const { cache, tenancy } = await start(kind);
      await tenancy.run('acme', async () => {
        expect(await cache.get('a')).toBeUndefined();
        await cache.set('a', { list: [1, 'two', null] });
        expect(await cache.get('a')).toEqual({ list: [1, 'two', null] });
        expect(await cache.has('a')).toBe(true);
        expect(await cache.delete('a')).toBe(true);
        expect(await cache.delete('a')).toBe(false);
        expect(await cache.has('a')).toBe(false);
      });
    });

    test.each([null, false, 0, '', [], {}])('can keep %j, which is not nothing', async (value) => {
      const { cache, tenancy } = await start(kind);
      await tenancy.run('acme', async () => {
        await cache.set('a', value);
        expect(await cache.has('a')).toBe(true);
        expect(await cache.get('a')).toEqual(value);
      });
    });

    test('gets a copy, which changes nothing for the next one', async () => {
      const { cache, tenancy } = await start(kind);
      await tenancy.run('acme', async () => {
        const kept = { n: 1 };
        await cache.set('a', kept);
        kept.n = 2;
        const first = await cache.getOrSet('a', () => kept);
        first.n = 3;
        expect(await cache.get('a')).toEqual({ n: 1 });
      });
    });

    test('is refused what cannot be kept', async () => {
      const { cache, tenancy } = await start(kind);
      await tenancy.run('acme', async () => {
        await expect(cache.set('a', undefined)).rejects.toThrow(TypeError);
        await expect(cache.set('a', 1, { ttlMs: 0 })).rejects.toThrow(RangeError);
        await expect(cache.set('a', 1, { ttlMs: Number.POSITIVE_INFINITY })).rejects.toThrow(RangeError);
        await expect(cache.getOrSet('a', () => 1, { ttlMs: -1 })).rejects.toThrow(RangeError);
        await expect(cache.set('\ud800', 1)).rejects.toThrow(TypeError);
        await expect(cache.set('a', 1, { tags: ['\udc00'] })).rejects.toThrow(TypeError);
        expect(await cache.has('a')).toBe(false);
      });
    });

    test('gets values of the types that it set', async () => {
      const { cache, tenancy } = await start(kind);
      const value = { at: new Date(0), by: new Map([['a', 1n]]), none: undefined, bytes: new Uint8Array([1, 2]) };
      await tenancy.run('acme', async () => {
        await cache.set('a', value, { tags: ['red'] });
        expect(await cache.get('a')).toStrictEqual(value);
        expect(await cache.getOrSet('b', () => value)).toStrictEqual(value);
        await expect(cache.set('c', { error: new Error('no') })).rejects.toThrow(
          'The value of "c" cannot be kept: it holds an instance of Error',
        );
        await expect(cache.getOrSet('c', () => new WeakMap())).rejects.toThrow(TypeError);
        expect(await cache.has('c')).toBe(false);
      });
    });

    test('may choose how values are written, and can still count', async () => {
      const { cache, tenancy } = await start(kind, { serializer: JSON });
      await tenancy.run('acme', async () => {
        await cache.set('a', new Date(0));
        expect(await cache.get('a')).toBe('1970-01-01T00:00:00.000Z');
        await cache.set('hits', 5);
        expect(await cache.increment('hits')).toBe(6);
        expect(await cache.get('hits')).toBe(6);
      });
    });

    test('sets and gets many at once, in their order', async () => {
      const { cache, tenancy } = await start(kind, { tenantShare: 1 });
      await tenancy.run('acme', async () => {
        const keys = Array.from({ length: 1_200 }, (_, n) => `key ${n}`);
        await cache.setMany(new Map(keys.map((key, n) => [key, { n }])), { tags: ['red'] });
        const found = await cache.getMany<{ n: number }>([...keys, 'none', 'key 7']);
        expect(found.map((value) => value?.n)).toEqual([...keys.keys(), undefined, 7]);
        await cache.invalidate('red');
        expect((await cache.getMany(keys)).filter((value) => value !== undefined)).toEqual([]);
        await cache.setMany([]);
        expect(await cache.getMany([])).toEqual([]);
        await expect(
          cache.setMany([
            ['ok', 1],
            ['not', undefined],
          ]),
        ).rejects.toThrow(TypeError);
        expect(await cache.has('ok')).toBe(false);
      });
      expect(await tenancy.run('beta', () => cache.getMany(['key 7']))).toEqual([undefined]);
    });

    test('adds only what is not there, for one of those who try at once', async () => {
      const { cache, tenancy } = await start(kind);
      await tenancy.run('acme', async () => {
        const added = await Promise.all(Array.from({ length: 10 }, (_, n) => cache.add('a', n, { ttlMs: 60_000 })));
        expect(added.filter(Boolean)).toHaveLength(1);
        expect(await cache.get('a')).toBe(added.indexOf(true));
        await cache.set('short', 1, { ttlMs: 1, graceMs: 60_000 });
        await expect.poll(() => cache.add('short', 2)).toBe(true);
      });
      expect(await tenancy.run('beta', () => cache.add('a', 'of beta'))).toBe(true);
    });

    test('lets an entry live for longer, or shorter, with its tags', async () => {
      const { cache, tenancy } = await start(kind);
      await tenancy.run('acme', async () => {
        for (const key of ['a', 'b']) await cache.set(key, 1, { ttlMs: 1_000, tags: ['red'] });
        await cache.set('ends', 1, { ttlMs: 200, tags: ['blue'] });
        expect(await cache.touch('a', { ttlMs: 60_000 })).toBe(true);
        expect(await cache.touch('b', { ttlMs: 1 })).toBe(true);
        expect(await cache.touch('ends', { ttlMs: 60_000 })).toBe(true);
        await expect.poll(() => cache.has('b')).toBe(false);
        expect(await cache.touch('b')).toBe(false);
        await cache.set('other', 1, { ttlMs: 250 });
        await expect.poll(() => cache.has('other')).toBe(false);
        await cache.set('another', 1); // drops what has ended
        expect(await cache.get('ends')).toBe(1);
        expect(await cache.get('a')).toBe(1);
        await cache.invalidate('red');
        expect(await cache.has('a')).toBe(false);
        await expect(cache.touch('ends', { ttlMs: 0 })).rejects.toThrow(RangeError);
      });
      expect(await tenancy.run('beta', () => cache.touch('ends'))).toBe(false);
    });

    test('clears what it has, and nobody else', async () => {
      const { cache, tenancy } = await start(kind);
      for (const id of ['acme', 'acme-two', 'beta']) await tenancy.run(id, () => cache.set('a', id));
      await tenancy.central(() => cache.set('a', 'central'));
      await tenancy.run('acme', () => cache.clear());
      expect(await tenancy.run('acme', () => cache.get('a'))).toBeUndefined();
      expect(await tenancy.run('acme-two', () => cache.get('a'))).toBe('acme-two');
      expect(await tenancy.run('beta', () => cache.get('a'))).toBe('beta');
      await tenancy.central(() => cache.clear());
      expect(await tenancy.run('beta', () => cache.get('a'))).toBe('beta');
    });

    test('has a value for as long as it said, and no longer', async () => {
      const { cache, tenancy } = await start(kind);
      await tenancy.run('acme', async () => {
        await cache.set('short', 1, { ttlMs: 1 });
        await cache.set('long', 1, { ttlMs: 60_000 });
        await expect.poll(() => cache.has('short')).toBe(false);
        expect(await cache.has('long')).toBe(true);
        await cache.set('long', 2, { ttlMs: 1 });
        await expect.poll(() => cache.has('long')).toBe(false);
      });
    });
  });

  describe('keys', () => {
    const awkward = [
      'a',
      'a:b',
      'b:c',
      '*',
      'a*',
      '[ab]',
      '?',
      '\\',
      '',
      ' ',
      'a\0',
      'a\n',
      'tag',
      'ea',
      '{beta}',
      '\u00e9',
      'e\u0301',
    ];

    test('are told apart, whatever is in them', async () => {
      const { cache, tenancy } = await start(kind);
      await tenancy.run('acme', async () => {
        for (const [index, key] of awkward.entries()) await cache.set(key, index, { tags: [key] });
        for (const [index, key] of awkward.entries()) expect(await cache.get(key)).toBe(index);
        await cache.delete('*');
        await cache.invalidate('a*');
        const left = await Promise.all(awkward.map((key) => cache.has(key)));
        expect(awkward.filter((_, index) => !left[index])).toEqual(['*', 'a*']);
      });
    });

    test('mean something in their own tenant only', async () => {
      const { cache, tenancy } = await start(kind);
      await tenancy.run('acme', () => cache.set('two:a', 'of acme'));
      await tenancy.run('acme-two', async () => {
        for (const key of ['a', 'two:a', ':a', '-two:a']) expect(await cache.has(key)).toBe(false);
      });
      await tenancy.central(async () => expect(await cache.has('two:a')).toBe(false));
    });
  });

  describe('tags', () => {
    test('forget what has one of them', async () => {
      const { cache, tenancy } = await start(kind);
      await tenancy.run('acme', async () => {
        await cache.set('a', 1, { tags: ['red', 'round'] });
        await cache.set('b', 2, { tags: ['round'] });
        await cache.set('c', 3, { tags: ['blue'] });
        await cache.set('d', 4);
        await cache.invalidate('red', 'green');
        expect(await Promise.all([...'abcd'].map((key) => cache.has(key)))).toEqual([false, true, true, true]);
        await cache.invalidate('round', 'blue');
        expect(await Promise.all([...'abcd'].map((key) => cache.has(key)))).toEqual([false, false, false, true]);
      });
    });

    test('do not forget what is set after, nor what is no longer tagged so', async () => {
      const { cache, tenancy } = await start(kind);
      await tenancy.run('acme', async () => {
        await cache.set('a', 1, { tags: ['red'] });
        await cache.set('b', 1, { tags: ['red'] });
        await cache.set('b', 2);
        await cache.invalidate('red');
        await cache.set('a', 2, { tags: ['red'] });
        expect(await cache.get('a')).toBe(2);
        expect(await cache.get('b')).toBe(2);
        await cache.invalidate('red');
        expect(await cache.has('a')).toBe(false);
      });
    });

    test('do not end with the shortest of what has them', async () => {
      const { cache, tenancy } = await start(kind);
      await tenancy.run('acme', async () => {
        await cache.set('long', 1, { tags: ['red'] });
        await cache.set('short', 1, { tags: ['red'], ttlMs: 1 });
        await expect.poll(() => cache.has('short')).toBe(false);
        await cache.set('other', 1);
        expect(await cache.has('long')).toBe(true);
      });
    });

    test('may be as many as one has', async () => {
      const { cache, tenancy } = await start(kind);
      const tags = Array.from({ length: 200_000 }, (_, n) => `user:${n}`);
      await tenancy.run('acme', async () => {
        await cache.set('a', 1, { tags: ['user:199999'] });
        await cache.set('b', 1, { tags: ['other'] });
        await cache.set('c', 1, { tags: tags.slice(0, 20_000) });
        await cache.invalidate(tags, 'red', ['blue']);
        expect(await cache.getMany(['a', 'b', 'c'])).toEqual([undefined, 1, undefined]);
      });
    });

    test('of one tenant are not those of another', async () => {
      const { cache, tenancy } = await start(kind);
      for (const id of ['acme', 'beta']) await tenancy.run(id, () => cache.set('a', id, { tags: ['red'] }));
      await tenancy.run('acme', () => cache.invalidate('red'));
      expect(await tenancy.run('acme', () => cache.has('a'))).toBe(false);
      expect(await tenancy.run('beta', () => cache.has('a'))).toBe(true);
    });
  });

  describe('a counter', () => {
    test('adds up, also for those who count at once', async () => {
      const { cache, tenancy } = await start(kind);
      await tenancy.run('acme', async () => {
        expect(await cache.increment('hits')).toBe(1);
        expect(await cache.increment('hits', -3)).toBe(-2);
        await Promise.all(Array.from({ length: 20 }, () => cache.increment('hits')));
        expect(await cache.get('hits')).toBe(18);
      });
      expect(await tenancy.run('beta', () => cache.increment('hits', 5))).toBe(5);
    });

    test('ends at the time that it was begun with', async () => {
      const { cache, tenancy } = await start(kind);
      await tenancy.run('acme', async () => {
        await cache.increment('hits', 1, { ttlMs: 50 });
        await expect.poll(() => cache.increment('hits', 1, { ttlMs: 60_000 }), { interval: 5 }).toBe(1);
      });
    });

    test('that can no longer be exact refuses to count, and keeps its value', async () => {
      const { cache, tenancy } = await start(kind);
      await tenancy.run('acme', async () => {
        for (const [value, by] of [
          [Number.MAX_SAFE_INTEGER - 1, 1],
          [Number.MIN_SAFE_INTEGER + 1, -1],
        ] as const) {
          await cache.set('hits', value);
          expect(await cache.increment('hits', by)).toBe(value + by);
          await expect(cache.increment('hits', by)).rejects.toThrow(RangeError);
          expect(await cache.get('hits')).toBe(value + by);
        }
      });
    });

    test('is no other value', async () => {
      const { cache, tenancy } = await start(kind);
      await tenancy.run('acme', async () => {
        for (const value of ['7', 1.5, null, [1]]) {
          await cache.set('a', value);
          await expect(cache.increment('a')).rejects.toThrow(TypeError);
          expect(await cache.get('a')).toEqual(value);
        }
        await expect(cache.increment('b', 0.5)).rejects.toThrow(RangeError);
      });
    });
  });

  describe('a scope', () => {
    test('is needed for everything', async () => {
      const { cache } = await start(kind);
      const calls = [
        () => cache.get('a'),
        () => cache.getMany(['a']),
        () => cache.has('a'),
        () => cache.set('a', 1),
        () => cache.setMany([['a', 1]]),
        () => cache.add('a', 1),
        () => cache.touch('a'),
        () => cache.getOrSet('a', () => 1),
        () => cache.increment('a'),
        () => cache.delete('a'),
        () => cache.invalidate('a'),
        () => cache.clear(),
      ];
      for (const call of calls) await expect(call()).rejects.toEqual(code('OUTSIDE_SCOPE'));
    });

    test('decides, where one is in another', async () => {
      const { cache, tenancy } = await start(kind);
      await tenancy.run('acme', async () => {
        await cache.set('a', 'of acme');
        await tenancy.central(async () => {
          expect(await cache.get('a')).toBeUndefined();
          await tenancy.run('beta', () => cache.set('a', 'of beta'));
        });
        expect(await cache.get('a')).toBe('of acme');
      });
    });

    test('whose cache is carried out of it stays with its tenant', async () => {
      const { cache, tenancy } = await start(kind);
      const carried = await tenancy.run('acme', () => ({ cache: tenancy.use(cache) }));
      await tenancy.run('beta', async () => {
        await carried.cache.set('a', 'of acme');
        expect(await cache.get('a')).toBeUndefined();
        await carried.cache.clear();
      });
      await tenancy.run('beta', () => cache.set('a', 'of beta'));
      await carried.cache.clear();
      expect(await tenancy.run('beta', () => cache.get('a'))).toBe('of beta');
    });
  });

  test('a value of the tenant lives as long as its config says, from the next scope on', async () => {
    const { cache, tenancy } = await start(kind);
    await tenancy.tenants.update('acme', { config: { cache: { ttlMs: 1 } } });
    await tenancy.run('acme', async () => {
      await cache.set('usual', 1);
      await cache.set('own', 1, { ttlMs: 60_000 });
      await expect.poll(() => cache.has('usual')).toBe(false);
      expect(await cache.has('own')).toBe(true);
    });
  });
});

describe('in memory', () => {
  test('one tenant drives out nobody, and takes its share of bytes at most', async () => {
    const { cache, tenancy } = await start('memory', { maxBytes: 1_000_000 });
    for (const id of ['acme-two', 'beta']) await tenancy.run(id, () => cache.set('settings', id));
    await tenancy.run('acme', async () => {
      for (let n = 0; n < 1_000; n += 1) await cache.set(`${n}`, 'x'.repeat(1_000));
      const there = await cache.getMany(Array.from({ length: 1_000 }, (_, n) => `${n}`));
      expect(there.filter((value) => value !== undefined).length).toBeLessThan(100);
      expect(there[999]).toHaveLength(1_000);
    });
    for (const id of ['acme-two', 'beta']) expect(await tenancy.run(id, () => cache.get('settings'))).toBe(id);
  });

  test('there are never more entries than were allowed', async () => {
    const { cache, tenancy } = await start('memory', { maxEntries: 10, tenantShare: 1 });
    await tenancy.run('acme', async () => {
      for (let n = 0; n < 100; n++) await cache.set(`key-${n}`, n);
      const there = await Promise.all(Array.from({ length: 100 }, (_, n) => cache.has(`key-${n}`)));
      expect(there.filter(Boolean)).toHaveLength(10);
      expect(there[99]).toBe(true);
    });
  });
});

describe('createCache', () => {
  test.each([
    ['a URL of something else', { redis: 'http://user:pass@localhost' }],
    ['a URL that would change the client', { redis: 'redis://localhost?maxRetriesPerRequest=null' }],
    ['what is no client', { redis: {} as never }],
    ['braces in its prefix', { prefix: '{a}' }],
    ['no time to live', { ttlMs: 0 }],
    ['half a millisecond', { timeoutMs: 0.5 }],
    ['no connection', { connections: { max: 0 } }],
    ['what no timer can wait for', { timeoutMs: 2 ** 31 }],
    ['a build without time', { buildTimeoutMs: 0 }],
    ['a share of more than all', { tenantShare: 1.1 }],
    ['no share', { tenantShare: 0 }],
    ['an option that does not exist', { ttlMillis: 1 } as never],
    ['one of its connections', { connections: { maximum: 1 } as never }],
    ['what is no serializer', { serializer: {} as never }],
  ])('refuses %s', (_, options) => {
    expect(() => createCache(options)).toThrow(code('CONFIG_INVALID'));
    expect(() => createCache(options)).not.toThrow(/pass/);
  });

  test.skipIf(!hasRedis)('two caches of one tenancy are apart', async () => {
    const [one, two] = [createCache({ redis: client, prefix: `${redis.prefix}one:` }), createCache({ name: 'two' })];
    await using tenancy = createTenancy({ store: memoryStore(), resources: [one, two] });
    await tenancy.tenants.create({ id: 'acme' });
    await tenancy.run('acme', async () => {
      await one.set('a', 1);
      expect(await two.has('a')).toBe(false);
    });
    await expect(tenancy.outside(() => two.get('a'))).rejects.toSatisfy((error) =>
      isTenancyError(error, 'OUTSIDE_SCOPE'),
    );
  });
});
