import type { TenantStore } from '../stores/store.ts';
import { changePromises } from './store/changes.ts';
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
  /** Whether the store tells of its changes. Default: false. */
  readonly changes?: boolean | undefined;
}

/**
 * The promises of a `TenantStore`, as tests: what the registry relies on, callers that come at the same time included.
 *
 * @example
 * storeSuite({ test, createStore: () => memoryStore() });
 */
export function storeSuite({ test, createStore, leases = true, changes = false }: StoreSuiteOptions): void {
  const promises = {
    ...tenantPromises,
    ...domainPromises,
    ...concurrencyPromises,
    ...fencePromises,
    ...(leases && leasePromises),
    ...(changes && changePromises),
  };
  for (const [name, hold] of Object.entries(promises)) {
    test(name, async () => hold(await createStore()));
  }
}
