/** Counters of a cache in this process, over all tenants, since it was created. Counting is always on. */
export interface CacheStats {
  /** Values that were there, stale ones included. */
  readonly hits: number;
  readonly misses: number;
  /** Failures of Redis. */
  readonly errors: number;
  /** Values that `getOrSet` has built, or failed to build. */
  readonly builds: number;
  /** Values that it builds now. */
  readonly building: number;
}
