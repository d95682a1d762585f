import { publisher, tracer } from '@omnitenant/core/extend';

/** Messages of a cache, by the name of the channel in `node:diagnostics_channel`. Without a listener they cost nothing. */
export interface CacheDiagnostics {
  /** Redis failed. */
  'omnitenant:cache:failed': { readonly tenant: string | undefined; readonly message: string };
}

/** Traced operations of a cache, by the name of the tracing channel in `node:diagnostics_channel`. */
export interface CacheTraces {
  /** `getOrSet` builds a value. */
  'omnitenant:cache:build': { readonly tenant: string | undefined };
}

export const publish: ReturnType<typeof publisher<CacheDiagnostics>> = publisher();

export const trace: ReturnType<typeof tracer<CacheTraces>> = tracer();
