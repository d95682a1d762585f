import type { TenancyError } from '@omnitenant/core';
import type { Ledger } from './ledger.ts';
import type { MigrateTarget } from './migrate-target.ts';
import type { MigrationSet } from './migration-set.ts';

/** How to migrate many tenants. */
export interface FleetOptions {
  /** Ids; `*` stands for any characters. Default: every tenant with complete storage. */
  readonly tenants?: readonly string[] | undefined;
  /** The last migration to apply. Default: the last one of the code. */
  readonly to?: string | undefined;
  /** How many tenants of one server to migrate at a time. Default: 4. */
  readonly concurrency?: number | undefined;
  /** Migrates this many tenants first and stops if any of them fails. Default: 0. */
  readonly canary?: number | undefined;
  /** Starts no more tenants after more than this many failures. Default: no limit. */
  readonly maxFailures?: number | undefined;
  /** Starts no more tenants once aborted, and finishes those in progress. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each tenant. */
  readonly onProgress?: ((progress: FleetProgress) => void) | undefined;
}

/** The outcome for one tenant, and how far the run is. */
export interface FleetProgress {
  readonly tenant: string;
  /** The migrations that were run there. */
  readonly migrations: readonly string[];
  readonly error?: TenancyError | undefined;
  readonly milliseconds: number;
  /** How many tenants the run includes, how many of them are done, and how many of those have failed. */
  readonly total: number;
  readonly done: number;
  readonly failed: number;
}

/** The outcome of a run. */
export interface FleetReport {
  /** Tenants in which something was done. */
  readonly migrated: number;
  /** Tenants in which there was nothing to do. */
  readonly upToDate: number;
  /** Tenants whose last migration this code does not have: newer code migrated them. They were left alone. */
  readonly ahead?: number;
  /** Tenants that failed, in the order in which they did. */
  readonly failed: readonly { readonly tenant: string; readonly error: TenancyError }[];
  /** Tenants that were not started. */
  readonly remaining: number;
  /** Why the run ended early. */
  readonly stopped?: 'signal' | 'canary' | 'failures';
}

/** What a run works with. */
export interface Fleet {
  readonly ledger: Ledger;
  /** The servers of the configuration. */
  readonly servers: Iterable<string>;
  readonly set: MigrationSet;
  readonly migrateTarget: MigrateTarget;
}
