import type { TenantStore } from '../stores/store.ts';
import { concurrencyPromises } from './store/concurrency.ts';
import { domainPromises } from './store/domains.ts';
import { fencePromises, leasePromises } from './store/leases.ts';
import { tenantPromises } from './store/tenants.ts';

/** What `storeSuite` needs to hold a store to its promises. */
export interface StoreSuiteOptions {
  /** The test runner's own function, vitest's or node:test's. */
  readonly test: (name: string, fn: () => Promise<void>) => unknown;
  /** Makes an empty store; called once for each test. */
  readonly createStore: () => TenantStore | Promise<TenantStore>;
  /** Whether the store has leases, which one needs that several processes share. Default: true. */
  readonly leases?: boolean | undefined;
}

/**
 * The promises of a `TenantStore`, as tests: what the registry relies on, callers that come at the same time included.
 *
 * @example
 * storeSuite({ test, createStore: () => memoryStore() });
 */
export function storeSuite({ test, createStore, leases = true }: StoreSuiteOptions): void {
  const promises = { ...tenantPromises, ...domainPromises, ...concurrencyPromises, ...fencePromises };
  for (const [name, hold] of Object.entries(leases ? { ...promises, ...leasePromises } : promises)) {
    test(name, async () => hold(await createStore()));
  }
}
