export type { CanaryMaker } from './canary.ts';
export type { SkippedCase, SuiteDialect } from './dialect.ts';
export {
  type DatabaseSuiteOptions,
  type IsolationSuiteOptions,
  isolationSuite,
  type PostgresqlSuiteOptions,
  type SuiteLibrary,
  type SuiteResource,
} from './isolation-suite.ts';
export type { TestTenantInput } from './kit/tenant-supply.ts';
export {
  openTestTenants,
  type TestApp,
  type TestTenant,
  type TestTenants,
  type TestTenantsOptions,
} from './kit/test-tenants.ts';
export type { LeakApp } from './leak-app.ts';
export { expectNoLeak, type LeakTest } from './leak-test.ts';
export type { LeakProbe, LeakSink } from './probes.ts';
