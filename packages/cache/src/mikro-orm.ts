import { deserialize, serialize } from 'node:v8';
import type { Cache } from './cache.ts';

/** The methods of MikroORM's `CacheAdapter` that its result cache uses. */
export interface ResultCache {
  get<Data>(name: string): Promise<Data | undefined>;
  set(name: string, data: unknown, origin: string, expiration?: number): Promise<void>;
  remove(name: string): Promise<void>;
  clear(): Promise<void>;
}

/** The class that MikroORM instantiates as its result cache. */
export type ResultCacheClass = new (options: { readonly expiration: number }) => ResultCache;

const tag = 'mikro-orm';

/**
 * Keeps MikroORM's result cache in the current scope's cache: a tenant's results are among its own entries, and are cleared with
 * them. Dates and bytes come back as dates and bytes.
 *
 * @example
 * const cache = createCache({ redis: 'redis://localhost' });
 * const orm = await createOrm(defineConfig({ clientUrl, entities, resultCache: { adapter: resultCacheIn(cache) } }));
 * const tenancy = createTenancy({ resources: [orm, cache] });
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
      await cache.set(keyOf(name), serialize(data).toString('base64'), { ttlMs: expiration, tags: [tag] });
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
