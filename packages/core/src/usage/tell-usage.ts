import { incarnationOf } from '../models/incarnation.ts';
import type { Tenant } from '../models/tenant.ts';
import { type UsageRecord, usageNames } from '../models/usage.ts';
import { outside } from '../scope/context.ts';
import type { UsageLimits } from './usage-options.ts';
import type { UsageParts } from './usage-parts.ts';

/** What has been written to central. */
export interface WrittenUsage {
  readonly records: readonly UsageRecord[];
  /** The day's sums of the same tenants, over all processes. */
  readonly sums: readonly UsageRecord[];
}

/** Tells whoever bills, and whoever hears that a limit is passed. Never rejects: what is written is not written again. */
export async function tellUsage<T extends Tenant>(parts: UsageParts<T>, written: WrittenUsage): Promise<void> {
  const { onUsage, limits } = parts.options ?? {};
  try {
    await outside(() => onUsage?.(written.records));
  } catch (error) {
    parts.onError(error, {});
  }
  if (limits !== undefined) await tellExceeded(parts, written);
}

/** Of all processes, the one whose batch passes a limit says so. */
async function tellExceeded<T extends Tenant>(
  { options, find, signals, onError }: UsageParts<T>,
  { records, sums }: WrittenUsage,
): Promise<void> {
  const added = new Map(records.map((record) => [ownerOf(record), record]));
  const limitsOf = (tenant: T) => (typeof options?.limits === 'function' ? options.limits(tenant) : options?.limits);
  for (const sum of sums) {
    try {
      const tenant = await find(sum.tenant);
      if (tenant === undefined || incarnationOf(tenant) !== ownerOf(sum)) continue;
      for (const { what, limit } of passed(limitsOf(tenant), added.get(ownerOf(sum)), sum)) {
        await signals.emit('usageExceeded', { tenant, what, limit, used: sum[what], day: sum.day });
      }
    } catch (error) {
      onError(error, { tenant: sum.tenant });
    }
  }
}

/** The limits that a sum is beyond, and was not before `added`. */
function passed(limits: UsageLimits = {}, added: UsageRecord | undefined, sum: UsageRecord) {
  return usageNames
    .map((what) => ({ what, limit: limits[what] ?? Number.POSITIVE_INFINITY }))
    .filter(({ what, limit }) => sum[what] > limit && sum[what] - (added?.[what] ?? 0) <= limit);
}

function ownerOf({ tenant, createdAt }: UsageRecord): string {
  return incarnationOf({ id: tenant, createdAt });
}
