import type { Tenant } from '@omnitenant/core';
import type { Step } from '../terminal/progress.ts';

/** How tenants are gone through. */
export interface FleetWork {
  readonly tenants: readonly Tenant[];
  /** How many at a time. */
  readonly concurrency: number;
  /** Begins no more tenants once more than so many have failed. */
  readonly maxFailures?: number | undefined;
  /** Begins no more tenants once aborted. */
  readonly signal: AbortSignal;
  readonly work: (tenant: Tenant) => Promise<unknown>;
  readonly onStep: (step: Step) => void;
}

/** How it went. */
export interface FleetOutcome {
  readonly succeeded: number;
  readonly failed: readonly { readonly tenant: string; readonly error: unknown }[];
  /** The tenants that were not begun, in order. */
  readonly remaining: readonly Tenant[];
}

/** Does the work in each tenant, several side by side, begun in their order; one that fails stops nobody else. */
export async function overFleet(options: FleetWork): Promise<FleetOutcome> {
  const { tenants, concurrency, maxFailures = Number.POSITIVE_INFINITY, signal, work, onStep } = options;
  const failed: { tenant: string; error: unknown }[] = [];
  let begun = 0;
  let succeeded = 0;

  async function worker(): Promise<void> {
    while (!signal.aborted && failed.length <= maxFailures) {
      const tenant = tenants[begun];
      if (tenant === undefined) return;
      begun += 1;
      let error: unknown;
      try {
        await work(tenant);
        succeeded += 1;
      } catch (thrown) {
        error = thrown;
        failed.push({ tenant: tenant.id, error });
      }
      const done = succeeded + failed.length;
      onStep({ tenant: tenant.id, total: tenants.length, done, failed: failed.length, error });
    }
  }

  await Promise.all(Array.from({ length: concurrency }, worker));
  return { succeeded, failed, remaining: tenants.slice(begun) };
}
