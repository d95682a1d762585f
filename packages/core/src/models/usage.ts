/** The counts of a tenant. Every number grows until it is written to central. */
export interface UsageCounts {
  /** Statements that were sent in the tenant's scopes, each with its pin. */
  statements: number;
  /** Milliseconds that these took at their connections. */
  milliseconds: number;
  /** Rows that they returned or changed. */
  rows: number;
  /** Jobs that workers began, each attempt. */
  jobs: number;
  /** Bytes that were written to the cache. */
  cacheBytes: number;
}

/** The name of something that is counted. */
export type UsageName = keyof UsageCounts;

/** The usage of one tenant on one day. */
export interface UsageRecord extends Readonly<UsageCounts> {
  readonly tenant: string;
  /** When the tenant was created: another tenant of the same id has records of its own. */
  readonly createdAt: Date;
  /** The day in UTC, such as `2026-11-29`. */
  readonly day: string;
}

/** The usage of one tenant over some days. */
export type UsageSum = Omit<UsageRecord, 'day'>;

/** What tenants used together on one day. */
export type UsageDay = Omit<UsageRecord, 'tenant' | 'createdAt'>;

/** Everything that is counted. */
export const usageNames: readonly UsageName[] = ['statements', 'milliseconds', 'rows', 'jobs', 'cacheBytes'];

/** Counts that begin. */
export function noUsage(): UsageCounts {
  return { statements: 0, milliseconds: 0, rows: 0, jobs: 0, cacheBytes: 0 };
}

/** The UTC day of a moment. */
export function dayOf(moment: Date): string {
  return moment.toISOString().slice(0, 10);
}
