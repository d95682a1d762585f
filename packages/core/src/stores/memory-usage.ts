import {
  noUsage,
  type UsageCounts,
  type UsageDay,
  type UsageRecord,
  type UsageSum,
  usageNames,
} from '../models/usage.ts';
import type { UsageFilter, UsageStore } from './usage.ts';

/** Usage in this process, for the stores of tests. */
export function memoryUsage(): UsageStore {
  const added = new Set<string>();
  const days = new Map<string, UsageRecord & UsageCounts>();

  function wanted({ since = '', until = '~', tenant }: UsageFilter): UsageRecord[] {
    const isWanted = ({ day, tenant: of }: UsageRecord) => day >= since && day < until && (tenant ?? of) === of;
    return [...days.values()].filter(isWanted);
  }

  return {
    async add({ id, records, keepSince }) {
      if (added.has(id)) return [];
      added.add(id);
      const sums = records.map((record) => {
        const key = `${ownerOf(record)} ${record.day}`;
        const kept = days.get(key) ?? { ...record, ...noUsage() };
        days.set(key, kept);
        return { ...addTo(kept, record) };
      });
      for (const [key, { day }] of days) if (day < keepSince) days.delete(key);
      return sums;
    },

    async read(filter) {
      const sums = new Map<string, UsageSum & UsageCounts>();
      for (const record of wanted(filter)) {
        const { day, ...first } = { ...record, ...noUsage() };
        const sum = sums.get(ownerOf(record)) ?? first;
        sums.set(ownerOf(record), sum);
        addTo(sum, record);
      }
      return [...sums.values()].sort(byTenant);
    },

    async days(filter) {
      const sums = new Map<string, UsageDay & UsageCounts>();
      for (const record of wanted(filter)) {
        const { day } = record;
        sums.set(day, addTo(sums.get(day) ?? { day, ...noUsage() }, record));
      }
      return [...sums.values()].sort((one, other) => (one.day < other.day ? -1 : 1));
    },
  };
}

function ownerOf({ tenant, createdAt }: UsageSum): string {
  return `${tenant}@${createdAt.getTime()}`;
}

function addTo<Counts extends UsageCounts>(sum: Counts, counts: Readonly<UsageCounts>): Counts {
  for (const name of usageNames) sum[name as 'rows'] += counts[name];
  return sum;
}

function byTenant(one: UsageSum, other: UsageSum): number {
  if (one.tenant !== other.tenant) return one.tenant < other.tenant ? -1 : 1;
  return one.createdAt.getTime() - other.createdAt.getTime();
}
