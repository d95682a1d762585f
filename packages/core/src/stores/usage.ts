import type { UsageDay, UsageRecord, UsageSum } from '../models/usage.ts';

/** The counts of one process, to be added once. */
export interface UsageBatch {
  /** No two batches have the same. */
  readonly id: string;
  /** One record for each tenant and day. */
  readonly records: readonly UsageRecord[];
  /** Days before this one are deleted. */
  readonly keepSince: string;
}

/** Which days and tenants `read` sums up. */
export interface UsageFilter {
  /** The first day, such as `2026-11-01`. */
  readonly since?: string | undefined;
  /** The day after the last. */
  readonly until?: string | undefined;
  /** Tenants of this id: the one that has it now, and former ones. */
  readonly tenant?: string | undefined;
}

/** The counts of all processes, by tenant and day. They outlive their tenants. */
export interface UsageStore {
  /**
   * Adds a batch, all or nothing. One that was added before is not added again, so that a batch whose answer was lost is sent again.
   * Resolves to the day's sums of the tenants in it; to none for a batch that was added before.
   */
  add(batch: UsageBatch): Promise<readonly UsageRecord[]>;
  /** The sums of each tenant, in the order of ids and creation. */
  read(filter: UsageFilter): Promise<readonly UsageSum[]>;
  /** The sums of each day on which something was used, in their order. */
  days(filter: UsageFilter): Promise<readonly UsageDay[]>;
}
