import type { Tenant } from '../models/tenant.ts';
import type { HealthProbe } from '../resource.ts';
import type { TenantRecordChange } from '../stores/changes.ts';
import type { TenantStore } from '../stores/store.ts';
import { createChangeFeed } from './change-feed.ts';
import { createNudging, type Nudging } from './nudge.ts';
import { createTenantCache, defaultTtlMs, type TenantCache, type TenantCacheOptions } from './tenant-cache.ts';

/** A cache that follows its store's changes. */
export interface FollowedCache<T extends Tenant> extends TenantCache<T> {
  /** Whether the changes can be read. */
  readonly probes: readonly HealthProbe[];
}

/**
 * Caches a store and follows its changes, those of other processes included. Without changes, what is cached runs out by itself.
 * The other processes are nudged about what this one drops, and it looks at the changes where they nudge it.
 */
export function createFollowedCache<T extends Tenant>(
  store: TenantStore<T>,
  options: TenantCacheOptions,
  onChanged: (id: string) => void,
  nudging: Nudging = createNudging(),
): FollowedCache<T> {
  const cache = createTenantCache(store, options);
  const { changes } = store;
  if (changes === undefined) return { ...cache, probes: [] };

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

  function fresh(): Promise<void> | undefined {
    nudging.listen(feed.look);
    return feed.fresh();
  }

  /** Drops what this process has changed, and tells the others. */
  function telling<Args extends readonly unknown[]>(drop: (...args: Args) => void): (...args: Args) => void {
    return (...args) => {
      drop(...args);
      nudging.changed();
    };
  }

  return {
    ...cache,
    probes: [{ name: 'changes', check: feed.check }],
    changed: telling(cache.changed),
    domainChanged: telling(cache.domainChanged),
    gone: telling(cache.gone),

    find(id) {
      const looked = fresh();
      return looked === undefined ? cache.find(id) : looked.then(() => cache.find(id));
    },

    findByDomain(host) {
      const looked = fresh();
      return looked === undefined ? cache.findByDomain(host) : looked.then(() => cache.findByDomain(host));
    },
  };
}
