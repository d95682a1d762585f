import { setTimeout as pause } from 'node:timers/promises';
import type { Health, HealthCheck } from '@omnitenant/core';

/** How health is watched. */
export interface WatchOptions {
  readonly everyMs: number;
  /** Ends it, once the look under way is over. */
  readonly signal: AbortSignal;
  /** Receives a check whose status or reason is another than before, or that is new. */
  readonly onChange: (check: HealthCheck) => void;
}

/** How long a check may take, in milliseconds. */
export const checkTimeoutMs = 10_000;

/** Looks at health again and again, and resolves to what was seen last. `first` was seen before. */
export async function watchHealth(
  look: () => Promise<Health>,
  first: Health,
  { everyMs, signal, onChange }: WatchOptions,
): Promise<Health> {
  let health = first;
  const seen = new Map(health.checks.map((check) => [check.name, keyOf(check)]));
  for (;;) {
    await pause(everyMs, undefined, { signal }).catch(() => {});
    if (signal.aborted) return health;
    health = await look();
    for (const check of health.checks) {
      if (seen.get(check.name) === keyOf(check)) continue;
      seen.set(check.name, keyOf(check));
      onChange(check);
    }
  }
}

function keyOf({ status, reason = '', tenants = [] }: HealthCheck): string {
  return `${status} ${reason} ${tenants.join()}`;
}
