import { TenancyError, type Tenant } from '@omnitenant/core';
import { defaultRepeatStrategy, type RepeatOptions } from 'bullmq';

/** The time zone of a tenant by its IANA name, such as `Europe/Paris`; `undefined` for the schedule's own. */
export type TimeZoneOf = (tenant: Tenant) => string | undefined;

/** @throws CONFIG_INVALID for a time zone that there is not. */
export function timeZoneOf(tenant: Tenant, timeZone: TimeZoneOf | undefined): string | undefined {
  const zone = timeZone?.(tenant);
  if (zone === undefined) return undefined;
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return zone;
  } catch (cause) {
    const message = `The time zone "${zone}" of the tenant "${tenant.id}" does not exist; return a name such as "Europe/Paris".`;
    throw new TenancyError('CONFIG_INVALID', message, { tenant: tenant.id, cause });
  }
}

/** When a pattern is due in a time zone, from one occurrence in the schedule's own zone until the next: usually once. */
export function occurrencesIn(zone: string, { pattern, tz }: RepeatOptions, fromMs: number): number[] {
  if (pattern === undefined) return [fromMs];
  const own = tz === undefined ? { pattern } : { pattern, tz };
  const endMs = defaultRepeatStrategy(fromMs, own) ?? Number.POSITIVE_INFINITY;
  const found: number[] = [];
  let at = defaultRepeatStrategy(fromMs - 1, { pattern, tz: zone });
  while (at !== undefined && at < endMs) {
    found.push(at);
    at = defaultRepeatStrategy(at, { pattern, tz: zone });
  }
  return found;
}
