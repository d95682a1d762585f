import * as v from 'valibot';
import { numberIn } from './tenant.ts';

const counts = {
  statements: v.number(),
  /** Milliseconds that the statements took. */
  milliseconds: v.number(),
  rows: v.number(),
  jobs: v.number(),
  cacheBytes: v.number(),
};

const Day = v.pipe(v.string(), v.regex(/^2\d{3}-\d\d-\d\d$/), v.isoDate(), v.check(isInCalendar));

/** JavaScript takes the 31st of February for a day in March, and PostgreSQL for none. */
function isInCalendar(day: string): boolean {
  const time = Date.parse(day);
  return Number.isFinite(time) && new Date(time).toISOString().startsWith(day);
}

export const UsageQuery = v.strictObject({
  tenant: v.optional(v.string()),
  /** The first day, in UTC. Default: the last 30 days. */
  since: v.optional(Day),
  /** The day after the last. */
  until: v.optional(Day),
  /** What those are sorted by who have used the most. */
  by: v.optional(v.picklist(['statements', 'milliseconds', 'rows', 'jobs', 'cacheBytes']), 'milliseconds'),
  limit: v.optional(numberIn(1, 200), '20'),
  /** Whether to measure what each tenant stores now, which asks each server. */
  storage: v.optional(v.picklist(['true', 'false']), 'false'),
});

/** What tenants have used, as all processes have counted it. */
export const UsageReport = v.object({
  /** The sums of each day on which something was used. */
  days: v.array(v.object({ day: v.string(), ...counts })),
  /** Those who have used the most, first. A former tenant of an id is another. */
  tenants: v.array(
    v.object({
      tenant: v.string(),
      createdAt: v.string(),
      ...counts,
      /** Bytes that it stores now; null where that was not asked for or cannot be told. */
      storageBytes: v.nullable(v.number()),
    }),
  ),
});

export type UsageReport = v.InferOutput<typeof UsageReport>;
