import { lifePromises } from './resource/life.ts';
import { hold, type ResourceDriver } from './resource/promise.ts';
import { scopePromises } from './resource/scopes.ts';

/** What `resourceSuite` needs to hold a resource to its promises. */
export interface ResourceSuiteOptions<Handle> {
  /** The test runner's own function, vitest's or node:test's. */
  readonly test: {
    (name: string, fn: () => Promise<void>): unknown;
    readonly skip: (name: string, fn: () => Promise<void>) => unknown;
  };
  /** Makes a resource whose storage is empty, and says how to use it; called once for each test, which ends it. */
  readonly createResource: () => ResourceDriver<Handle> | Promise<ResourceDriver<Handle>>;
  /** Promises that this resource cannot give, and why. */
  readonly skip?: readonly { readonly test: string; readonly reason: string }[];
}

/**
 * The promises of a `TenantResource`, as tests: each scope has its tenant's data and no other's, whoever runs at the same
 * time, and a tenant that goes takes its data along.
 *
 * @example
 * resourceSuite({
 *   test,
 *   createResource: () => ({
 *     resource: createCache(),
 *     write: (handle, name, value) => handle.set(name, value),
 *     read: (handle, name) => handle.get(name),
 *   }),
 * });
 */
export function resourceSuite<Handle>({ test, createResource, skip = [] }: ResourceSuiteOptions<Handle>): void {
  const promises = { ...scopePromises, ...lifePromises };
  for (const skipped of skip) {
    if (!(skipped.test in promises)) throw new Error(`resourceSuite has no test "${skipped.test}" to skip.`);
  }
  for (const [name, check] of Object.entries(promises)) {
    const run = async () => hold(await createResource(), check);
    const skipped = skip.find((candidate) => candidate.test === name);
    if (skipped === undefined) test(name, run);
    else test.skip(`${name} (${skipped.reason})`, run);
  }
}
