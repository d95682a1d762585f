import { deserialize, serialize } from 'node:v8';
import type { Cache } from './cache.ts';

/** MikroORM's `CacheAdapter`, as far as a result cache uses it. */
export interface ResultCache {
  get<Data>(name: string): Promise<Data | undefined>;
  set(name: string, data: unknown, origin: string, expiration?: number): Promise<void>;
  remove(name: string): Promise<void>;
  clear(): Promise<void>;
}

/** The class that MikroORM makes its result cache of. */
export type ResultCacheClass = new (options: { readonly expiration: number }) => ResultCache;

const tag = 'mikro-orm';

/**
 * MikroORM's result cache, kept in the current scope's cache: each tenant's results are among what it has, and go with it.
 * Dates and bytes come back as such.
 *
 * @example
 * const cache = createCache({ redis: 'redis://localhost' });
 * const orm = await createOrm(defineConfig({ clientUrl, entities, resultCache: { adapter: resultCacheIn(cache) } }));
 * const tenancy = createTenancy({ store: orm.store, resources: [orm, cache] });
 */
export function resultCacheIn(cache: Cache): ResultCacheClass {
  return class implements ResultCache {
    readonly #expiration: number;

    constructor({ expiration }: { readonly expiration: number }) {
      this.#expiration = expiration;
    }

    async get<Data>(name: string): Promise<Data | undefined> {
      const kept = await cache.get<string>(keyOf(name));
      return kept === undefined ? undefined : deserialize(Buffer.from(kept, 'base64'));
    }

    async set(name: string, data: unknown, _origin: string, expiration: number = this.#expiration): Promise<void> {
      await cache.set(keyOf(name), serialize(data).toString('base64'), { ttl: expiration, tags: [tag] });
    }

    async remove(name: string): Promise<void> {
      await cache.delete(keyOf(name));
    }

    async clear(): Promise<void> {
      await cache.invalidate(tag);
    }
  };
}

function keyOf(name: string): string {
  return `${tag}:${name}`;
}
