import type { TenantStore } from '../stores/store.ts';
import { concurrencyPromises } from './store/concurrency.ts';
import { domainPromises } from './store/domains.ts';
import { tenantPromises } from './store/tenants.ts';

/** What `storeSuite` needs to hold a store to its promises. */
export interface StoreSuiteOptions {
  /** The test runner's own function, vitest's or node:test's. */
  readonly test: (name: string, fn: () => Promise<void>) => unknown;
  /** Makes an empty store; called once for each test. */
  readonly createStore: () => TenantStore | Promise<TenantStore>;
}

/**
 * The promises of a `TenantStore`, as tests: what the registry relies on, callers that come at the same time included.
 *
 * @example
 * storeSuite({ test, createStore: () => memoryStore() });
 */
export function storeSuite({ test, createStore }: StoreSuiteOptions): void {
  for (const [name, hold] of Object.entries({ ...tenantPromises, ...domainPromises, ...concurrencyPromises })) {
    test(name, async () => hold(await createStore()));
  }
}
