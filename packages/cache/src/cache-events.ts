import { redact } from '@omnitenant/core/extend';
import { publish } from './cache-diagnostics.ts';
import type { CacheStats } from './cache-stats.ts';
import { type Owner, tenantIdOf } from './stores/owner.ts';

/** Events of a cache. `tenant` is the tenant's id; `undefined` for central. */
export interface CacheEvents {
  /** A value was there. `stale` if its time to live is over, and it was served while somebody builds the next. */
  readonly hit: { readonly tenant: string | undefined; readonly key: string; readonly stale: boolean };
  /** No value was there. */
  readonly miss: { readonly tenant: string | undefined; readonly key: string };
  /** Redis failed. The caller's promise rejects with the error, if it waits for one. */
  readonly error: { readonly tenant: string | undefined; readonly error: unknown };
}

/** Counts a cache's events, and sends them to those who listen. */
export interface EventSender {
  /** Adds a handler, which is called synchronously, and returns a function that removes it. */
  on<N extends keyof CacheEvents>(name: N, handler: (event: CacheEvents[N]) => void): () => void;
  found(owner: Owner, key: string, isThere: boolean, stale?: boolean): void;
  failed(owner: Owner, error: unknown): void;
  /** Counts a build, from now until it ends. */
  building<R>(build: Promise<R>): Promise<R>;
  stats(): CacheStats;
}

/** The events of one cache. */
export function createEventSender(): EventSender {
  const counts = { hits: 0, misses: 0, errors: 0, builds: 0, building: 0 };
  const handlers: { readonly [N in keyof CacheEvents]: Set<(event: CacheEvents[N]) => void> } = {
    hit: new Set(),
    miss: new Set(),
    error: new Set(),
  };

  function emit<N extends keyof CacheEvents>(name: N, event: CacheEvents[N]): void {
    for (const handler of handlers[name]) {
      try {
        handler(event);
      } catch (error) {
        // As Node does with an EventTarget: a handler's error is the application's, and no caller's of the cache.
        process.nextTick(() => {
          throw error;
        });
      }
    }
  }

  return {
    on(name, handler) {
      const added: typeof handler = (event) => handler(event);
      handlers[name].add(added);
      return () => handlers[name].delete(added);
    },

    found(owner, key, isThere, stale = false) {
      counts[isThere ? 'hits' : 'misses'] += 1;
      if (isThere && handlers.hit.size > 0) emit('hit', { tenant: tenantIdOf(owner), key, stale });
      if (!isThere && handlers.miss.size > 0) emit('miss', { tenant: tenantIdOf(owner), key });
    },

    failed(owner, error) {
      counts.errors += 1;
      const tenant = tenantIdOf(owner);
      const message = () => redact(error instanceof Error ? error.message : String(error));
      publish('omnitenant:cache:failed', () => ({ tenant, message: message() }));
      emit('error', { tenant, error });
    },

    async building(build) {
      counts.builds += 1;
      counts.building += 1;
      try {
        return await build;
      } finally {
        counts.building -= 1;
      }
    },

    stats: () => ({ ...counts }),
  };
}
