import type { LookupStats } from '../lookup/tenant-cache.ts';

/** Counters of a tenancy in this process, since it was created. Counting is always on. */
export interface TenancyStats {
  readonly scopes: {
    /** Scopes that were entered and have not ended. */
    readonly open: number;
    readonly entered: number;
  };
  /** Lookups of tenants by id or host. */
  readonly lookups: LookupStats;
}
