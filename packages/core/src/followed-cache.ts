import { createChangeFeed } from './change-feed.ts';
import type { Tenant } from './models/tenant.ts';
import type { TenantRecordChange } from './stores/changes.ts';
import type { TenantStore } from './stores/store.ts';
import { createTenantCache, defaultTtlMs, type TenantCache, type TenantCacheOptions } from './tenant-cache.ts';

/** Caches a store and follows its changes, those of other processes included. Without changes, what is cached runs out by itself. */
export function createFollowedCache<T extends Tenant>(
  store: TenantStore<T>,
  options: TenantCacheOptions,
  onChanged: (id: string) => void,
): TenantCache<T> {
  const cache = createTenantCache(store, options);
  const { changes } = store;
  if (changes === undefined) return cache;

  function apply(change: TenantRecordChange): void {
    if (change.kind === 'domain') {
      cache.domainChanged(change.host);
      return;
    }
    if (change.kind === 'removed') cache.gone(change.tenant);
    else if (cache.has(change)) return;
    else cache.changed(change.tenant);
    onChanged(change.tenant);
  }

  const { ttlMs = defaultTtlMs, trustMs = ttlMs, clock = performance } = options;
  const feed = createChangeFeed({ changes, onChange: apply, onUnknown: cache.clear, trustMs, clock });

  return {
    ...cache,

    find(id) {
      const looked = feed.fresh();
      return looked === undefined ? cache.find(id) : looked.then(() => cache.find(id));
    },

    findByDomain(host) {
      const looked = feed.fresh();
      return looked === undefined ? cache.findByDomain(host) : looked.then(() => cache.findByDomain(host));
    },
  };
}
