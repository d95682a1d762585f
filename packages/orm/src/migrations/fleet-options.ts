import type { TenancyError, Tenant } from '@omnitenant/core';
import type { Auditing, FleetMigration } from '@omnitenant/core/extend';
import type { RunLeases } from '../central/run-leases.ts';
import type { OrmStats } from '../connections/pool-stats.ts';
import type { Ledger } from './ledger.ts';
import type { MigrateTarget } from './migrate-target.ts';
import type { MigrationSet } from './migration-set.ts';

/** How to migrate many tenants. */
export interface FleetOptions<T extends Tenant = Tenant> {
  /** Ids; `*` stands for any characters. Default: every tenant with complete storage. */
  readonly tenants?: readonly string[] | undefined;
  /** Ids and patterns of tenants to leave out. Default: none. */
  readonly skip?: readonly string[] | undefined;
  /** The last migration to apply. Default: the last one of the code. */
  readonly to?: string | undefined;
  /** How many migrations at most: the next ones of each tenant, or for `down` the last ones of the code. Default: all that are pending; for `down`, one. */
  readonly step?: number | undefined;
  /** How many tenants of one server to migrate at a time. Default: 4. */
  readonly concurrency?: number | undefined;
  /**
   * Migrates these tenants first and stops if any of them fails: by ids and patterns, or so many, which are spread over the fleet and the same each
   * time. Default: none.
   */
  readonly canary?: number | readonly string[] | undefined;
  /**
   * Migrates tenants group by group, in this order. A tenant belongs to the first group that includes it; one that no group includes is not
   * started. Default: one group of all.
   */
  readonly groups?: readonly RolloutGroup<T>[] | undefined;
  /** Starts no more tenants after more than this many failures. Default: no limit. */
  readonly maxFailures?: number | undefined;
  /** Starts no more tenants once aborted, and finishes those in progress. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each tenant. */
  readonly onProgress?: ((progress: FleetProgress) => void) | undefined;
}

/** Tenants that are migrated before those of the next group. `{}` includes all that are left. */
export interface RolloutGroup<T extends Tenant = Tenant> {
  /** Ids; `*` stands for any characters. Default: any. */
  readonly tenants?: readonly string[] | undefined;
  /** Includes a tenant by its columns, the application's own among them. Default: any. */
  where?(tenant: T): boolean;
  /** How many tenants of one server to migrate at a time. Default: that of the run. */
  readonly concurrency?: number | undefined;
  /** Ends the run after more than this many failures in the group. Default: no limit. */
  readonly maxFailures?: number | undefined;
  /** How long to wait after the group before the next one, in milliseconds. Default: 0. */
  readonly pauseMs?: number | undefined;
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

/** The outcome of a run. Each of its tenants is counted once. */
export interface FleetReport {
  /** Tenants that the run is about: those that central does not know to be up to date. */
  readonly total: number;
  /** Tenants in which something was done. */
  readonly migrated: number;
  /** Tenants in which there was nothing to do. */
  readonly upToDate: number;
  /** Tenants whose last migration this code does not have: newer code migrated them. They were left alone. */
  readonly ahead?: number;
  /** Tenants that were removed during the run, or are being removed. */
  readonly removed?: number;
  /** Failures, in the order in which they happened. */
  readonly failed: readonly FleetFailure[];
  /** Tenants that were not started. */
  readonly remaining: number;
  /** Why the run ended early. */
  readonly stopped?: 'signal' | 'canary' | 'failures';
}

/** A failure, in one tenant or in tables that tenants share. */
export interface FleetFailure {
  /** The first of its tenants. */
  readonly tenant: string;
  /** All of its tenants: more than one only where they share tables. */
  readonly tenants: readonly string[];
  readonly error: TenancyError;
  /** What records may keep of the error: its message may hold the value of a row, as PostgreSQL or a migration says it. */
  readonly summary: string;
}

/** How far a run has come. */
export interface RunProgress {
  progress(): OrmStats['fleet'];
}

/** What a run works with. */
export interface Fleet {
  readonly ledger: Ledger;
  readonly leases: RunLeases;
  /** How the run and the verbs of one tenant exclude each other. */
  readonly verbs: FleetMigration['verbs'];
  /** The servers of the configuration. */
  readonly servers: Iterable<string>;
  readonly set: MigrationSet;
  /** The tenancies that are told of each tenant, as far as the run migrates. */
  readonly tenancies: readonly FleetMigration[];
  readonly migrateTarget: MigrateTarget;
  /** The runs that are under way. */
  readonly running: Set<RunProgress>;
  /** Takes the run down. */
  readonly auditing: Auditing;
}
