import type { Tenant } from '@omnitenant/core';
import { test as base, type TestAPI } from 'vitest';
import type { TestTenantInput } from './tenant-supply.ts';
import { openTestTenants, type TestTenant, type TestTenants, type TestTenantsOptions } from './test-tenants.ts';

/** What a test may ask for. */
export interface TenantFixtures<T extends Tenant = Tenant>
  extends Pick<TestTenant<T>, 'tenant' | 'em' | 'run' | 'api'> {
  /** The test's own tenant, as `openTestTenants` opens it. */
  readonly testTenant: TestTenant<T>;
  /** What the test's tenant is created from, beyond the options; for `test.override` in a `describe`. */
  readonly tenantInput: TestTenantInput<T>;
  /** Opens further tenants. */
  readonly tenants: TestTenants<T>;
}

/**
 * vitest's `test`, which gives each test that asks for it a tenant of its own.
 *
 * @example
 * const test = tenantTest({ start: createApp, tenant: { isolation: 'schema' } });
 *
 * test('a task is listed', async ({ em, api }) => {
 *   await em.insert(Task, { title: 'write' });
 *   expect(await (await api('/tasks')).json()).toMatchObject([{ title: 'write' }]);
 * });
 */
export function tenantTest<T extends Tenant = Tenant>(options: TestTenantsOptions<T>): TestAPI<TenantFixtures<T>> {
  return base.extend<TenantFixtures<T>>({
    tenants: [
      // biome-ignore lint/correctness/noEmptyPattern: vitest reads from the pattern which fixtures this one needs.
      async ({}, use) => {
        const tenants = await openTestTenants(options);
        await use(tenants);
        await tenants.close();
      },
      { scope: 'worker' },
    ],
    // biome-ignore lint/correctness/noEmptyPattern: as above.
    tenantInput: ({}, use) => use({} as TestTenantInput<T>),
    testTenant: async ({ tenants, tenantInput }, use) => {
      const testTenant = await tenants.open(tenantInput);
      await use(testTenant);
      await testTenant.close();
    },
    tenant: ({ testTenant }, use) => use(testTenant.tenant),
    em: ({ testTenant }, use) => use(testTenant.em),
    run: ({ testTenant }, use) => use(testTenant.run),
    api: ({ testTenant }, use) => use(testTenant.api),
  });
}
