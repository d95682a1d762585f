export { type Cache, createCache } from './cache.ts';
export type { CacheOptions } from './cache-options.ts';
export type { EntryOptions, ScopedCache } from './scoped-cache.ts';
