import type { Configuration, EntityName } from '@mikro-orm/core';
import { type EntityManagerClass, ownerOf } from './entity-manager-class.ts';

/** The entities that only a query's own option `cache` caches, and never `resultCache.global`. */
const uncached = new WeakSet<object>();

/** Keeps the records that say who is served out of the global result cache: what it holds may be out of date. */
export function leaveUncached(entity: object): void {
  uncached.add(entity);
}

type CacheConfig = boolean | number | [string, number] | undefined;
type Cached<R> = { data?: R | null; key: string };

/** Makes an EntityManager's result cache its scope's: two scopes never share an entry, named or not. */
export function withOwnResultCache(Base: EntityManagerClass): EntityManagerClass {
  return class extends Base {
    override tryCache<T extends object, R>(
      entityName: EntityName<T>,
      config: CacheConfig,
      key: unknown,
      refresh?: boolean,
      merge?: boolean,
    ): Promise<Cached<R> | undefined> {
      if (!(config ?? this.#cachesAll(entityName))) return Promise.resolve(undefined);
      const owner = this.#cacheOwner();
      const scoped: CacheConfig = Array.isArray(config) ? [cacheName(owner, config[0]), config[1]] : config;
      return super.tryCache<T, R>(entityName, scoped, [owner, key], refresh, merge);
    }

    override async storeCache<T>(
      config: CacheConfig,
      key: { readonly key: string } | undefined,
      data: T | (() => T),
    ): Promise<void> {
      // There is no key for what `tryCache` leaves uncached.
      if (key !== undefined) await super.storeCache(config, key, data);
    }

    override async clearCache(cacheKey: string): Promise<void> {
      await super.clearCache(cacheName(this.#cacheOwner(), cacheKey));
    }

    #cachesAll<T extends object>(entityName: EntityName<T>): boolean {
      return Boolean(this.config.get('resultCache').global) && !uncached.has(this.getMetadata(entityName).class);
    }

    #cacheOwner(): string {
      return JSON.stringify([...applicationOf(this.config), ownerOf(this).scopeKey]);
    }
  };
}

/** Applications may share a cache: each has a central of its own, and perhaps tenants of the same names. */
function applicationOf(config: Configuration): readonly unknown[] {
  const url = URL.parse(config.get('clientUrl') ?? '');
  return [config.get('host') ?? url?.hostname, config.get('port') ?? url?.port, config.get('dbName')];
}

function cacheName(owner: string, name: string): string {
  return JSON.stringify([owner, name]);
}
