export { type Cache, createCache } from './cache.ts';
export type { CacheDiagnostics, CacheTraces } from './cache-diagnostics.ts';
export type { CacheEvents } from './cache-events.ts';
export type { CacheOptions } from './cache-options.ts';
export type { CacheStats } from './cache-stats.ts';
export type { EntryOptions } from './entry-format.ts';
export type { BuildContext, BuildOptions, ScopedCache } from './scoped-cache.ts';
export type { Serializer } from './serializer.ts';
