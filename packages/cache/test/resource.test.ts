import { resourceSuite } from '@omnitenant/core/testing';
import { obtainable, testRedis } from '@omnitenant/tooling';
import { Redis } from 'ioredis';
import { describe, test } from 'vitest';
import { createCache } from '../src/cache.ts';
import type { ScopedCache } from '../src/scoped-cache.ts';

const use = {
  write: (handle: ScopedCache, name: string, value: string) => handle.set(name, value, { tags: ['written'] }),
  read: (handle: ScopedCache, name: string) => handle.get<string>(name),
};

describe('a cache in memory', () => {
  resourceSuite({ test, createResource: () => ({ resource: createCache(), ...use }) });
});

const kinds = [
  ['in Redis', {}],
  ['in Redis, with copies in the process', { localTtlMs: 60_000 }],
] as const;

describe.skipIf(!(await obtainable('redis-server'))).each(kinds)('a cache %s', (_, options) => {
  resourceSuite({
    test,
    async createResource() {
      const { url, prefix, drop } = await testRedis();
      const client = new Redis(url);
      return {
        resource: createCache({ redis: url, prefix, ...options }),
        ...use,
        stored: () => client.keys(`${prefix}*`),
        async close() {
          client.disconnect();
          await drop();
        },
      };
    },
  });
});
