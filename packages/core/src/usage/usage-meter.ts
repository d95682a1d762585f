import { randomUUID } from 'node:crypto';
import type { Tenant } from '../models/tenant.ts';
import { dayOf, noUsage, type UsageCounts, type UsageRecord, usageNames } from '../models/usage.ts';
import type { UsageBatch } from '../stores/usage.ts';

/** What this process counts for tenants, until it is taken away to be written. */
export interface UsageMeter {
  /** The counts of a tenant, to be raised at once: later they may have been taken. */
  of(tenant: Pick<Tenant, 'id' | 'createdAt'>): UsageCounts;
  /** Takes everything that was counted, and begins anew; `undefined` if nothing was. */
  take(): Omit<UsageBatch, 'keepSince'> | undefined;
}

/** Counts in memory. What is counted between two calls of `take` belongs to the day on which it began. */
export function createUsageMeter(now: () => Date): UsageMeter {
  // By id and by the time of creation, so that a lookup makes no text.
  let counted = new Map<string, Map<number, UsageCounts>>();
  let day = dayOf(now());

  return {
    of({ id, createdAt }) {
      const createdAtMs = createdAt.getTime();
      let ofId = counted.get(id);
      if (ofId === undefined) {
        ofId = new Map();
        counted.set(id, ofId);
      }
      let counts = ofId.get(createdAtMs);
      if (counts === undefined) {
        counts = noUsage();
        ofId.set(createdAtMs, counts);
      }
      return counts;
    },

    take() {
      const taken = counted;
      const of = day;
      counted = new Map();
      day = dayOf(now());
      const records = [...taken].flatMap(([tenant, ofId]) =>
        [...ofId].map(([createdAtMs, counts]) => recordOf(tenant, new Date(createdAtMs), of, counts)),
      );
      return records.length === 0 ? undefined : { id: randomUUID(), records };
    },
  };
}

/** In whole numbers, as they are kept. */
function recordOf(tenant: string, createdAt: Date, day: string, counts: UsageCounts): UsageRecord {
  const whole = Object.fromEntries(
    usageNames.map((name) => [name, Math.round(counts[name])]),
  ) as unknown as UsageCounts;
  return { tenant, createdAt, day, ...whole };
}
