import type { Tenant } from '@omnitenant/core';
import type { Step } from '../terminal/progress.ts';

/** The work to do in a list of tenants. */
export interface TenantWork {
  readonly tenants: readonly Tenant[];
  /** The number of tenants at a time. */
  readonly concurrency: number;
  /** Starts no more tenants after more than this many failures. */
  readonly maxFailures?: number | undefined;
  /** Starts no more tenants once aborted. */
  readonly signal: AbortSignal;
  readonly work: (tenant: Tenant) => Promise<unknown>;
  readonly onStep: (step: Step) => void;
}

/** What became of the tenants. */
export interface WorkOutcome {
  readonly succeeded: number;
  readonly failed: readonly { readonly tenant: string; readonly error: unknown }[];
  /** The tenants that were not started, in order. */
  readonly remaining: readonly Tenant[];
}

/** Does the work in each tenant, several at a time, started in order. A failure does not stop the other tenants. */
export async function forEachTenant(options: TenantWork): Promise<WorkOutcome> {
  const { tenants, concurrency, maxFailures = Number.POSITIVE_INFINITY, signal, work, onStep } = options;
  const failed: { tenant: string; error: unknown }[] = [];
  let started = 0;
  let succeeded = 0;

  async function worker(): Promise<void> {
    while (!signal.aborted && failed.length <= maxFailures) {
      const tenant = tenants[started];
      if (tenant === undefined) return;
      started += 1;
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
  return { succeeded, failed, remaining: tenants.slice(started) };
}
