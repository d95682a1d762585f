import type { TenantStore } from '../stores/store.ts';
import { auditPromises } from './store/audit.ts';
import { changePromises } from './store/changes.ts';
import { concurrencyPromises } from './store/concurrency.ts';
import { domainClaimPromises } from './store/domain-claims.ts';
import { domainPromises } from './store/domains.ts';
import { fencePromises, leasePromises } from './store/leases.ts';
import { operationPromises } from './store/operations.ts';
import { outboxPromises } from './store/outbox.ts';
import { redemptionPromises } from './store/redemptions.ts';
import { searchPromises } from './store/search.ts';
import { tenantPromises } from './store/tenants.ts';
import { usagePromises } from './store/usage.ts';

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
  /** Whether the store can be searched, which the control plane needs. Default: false. */
  readonly search?: boolean | undefined;
  /** Whether the store keeps an audit. Default: false. */
  readonly audit?: boolean | undefined;
  /** Whether the store records operations. Default: false. */
  readonly operations?: boolean | undefined;
  /** Whether the store keeps usage. Default: false. */
  readonly usage?: boolean | undefined;
  /** Whether the store keeps which tokens are used. Default: false. */
  readonly redemptions?: boolean | undefined;
  /** Whether the store has claims to domains. Default: false. */
  readonly domainClaims?: boolean | undefined;
  /** Whether the store has an outbox. Default: false. */
  readonly outbox?: boolean | undefined;
}

/**
 * The promises of a `TenantStore`, as tests: what the registry relies on, callers that come at the same time included.
 *
 * @example
 * storeSuite({ test, createStore: () => memoryStore() });
 */
export function storeSuite({
  test,
  createStore,
  leases = true,
  changes = false,
  search = false,
  audit = false,
  operations = false,
  usage = false,
  redemptions = false,
  domainClaims = false,
  outbox = false,
}: StoreSuiteOptions): void {
  const promises = {
    ...tenantPromises,
    ...domainPromises,
    ...concurrencyPromises,
    ...fencePromises,
    ...(leases && leasePromises),
    ...(changes && changePromises),
    ...(search && searchPromises),
    ...(audit && auditPromises),
    ...(operations && operationPromises),
    ...(usage && usagePromises),
    ...(redemptions && redemptionPromises),
    ...(domainClaims && domainClaimPromises),
    ...(outbox && outboxPromises),
  };
  for (const [name, hold] of Object.entries(promises)) {
    test(name, async () => hold(await createStore()));
  }
}
