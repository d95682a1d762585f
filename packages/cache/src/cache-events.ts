import { type Owner, tenantIdOf } from './stores/owner.ts';

/** What a cache reports of its use. `tenant` is the tenant's id; `undefined` for central. */
export interface CacheEvents {
  /** A value was there. `stale` if its time to live is over, and it was served while somebody builds the next. */
  readonly hit: { readonly tenant: string | undefined; readonly key: string; readonly stale: boolean };
  /** No value was there. */
  readonly miss: { readonly tenant: string | undefined; readonly key: string };
  /** Redis failed. The caller's promise rejects with the error, if it waits for one. */
  readonly error: { readonly tenant: string | undefined; readonly error: unknown };
}

/** Sends a cache's events to those who listen. */
export interface EventSender {
  /** Adds a handler, which is called synchronously, and returns a function that removes it. */
  on<N extends keyof CacheEvents>(name: N, handler: (event: CacheEvents[N]) => void): () => void;
  found(owner: Owner, key: string, isThere: boolean, stale?: boolean): void;
  failed(owner: Owner, error: unknown): void;
}

/** The events of one cache. */
export function createEventSender(): EventSender {
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
      if (isThere && handlers.hit.size > 0) emit('hit', { tenant: tenantIdOf(owner), key, stale });
      if (!isThere && handlers.miss.size > 0) emit('miss', { tenant: tenantIdOf(owner), key });
    },

    failed(owner, error) {
      emit('error', { tenant: tenantIdOf(owner), error });
    },
  };
}
