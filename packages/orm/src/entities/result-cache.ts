import type { Configuration, EntityName } from '@mikro-orm/core';
import { type EntityManagerClass, ownerOf } from './entity-manager-class.ts';

type Cached<R> = { data?: R | null; key: string };

/** Makes an EntityManager's result cache its scope's: two scopes never share an entry, named or not. */
export function withOwnResultCache(Base: EntityManagerClass): EntityManagerClass {
  return class extends Base {
    override tryCache<T extends object, R>(
      entityName: EntityName<T>,
      config: boolean | number | [string, number] | undefined,
      key: unknown,
      refresh?: boolean,
      merge?: boolean,
    ): Promise<Cached<R> | undefined> {
      if (!(config ?? this.config.get('resultCache').global)) return Promise.resolve(undefined);
      const owner = this.#cacheOwner();
      const scoped: typeof config = Array.isArray(config) ? [cacheName(owner, config[0]), config[1]] : config;
      return super.tryCache<T, R>(entityName, scoped, [owner, key], refresh, merge);
    }

    override async clearCache(cacheKey: string): Promise<void> {
      await super.clearCache(cacheName(this.#cacheOwner(), cacheKey));
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
