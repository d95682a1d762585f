export { CurrentTenant } from './current-tenant.ts';
export { ForEachTenant } from './for-each-tenant.ts';
export { TenancyExceptionFilter } from './tenancy-exception-filter.ts';
export { TenancyHttpException } from './tenancy-http-exception.ts';
export { TenancyModule, type TenancyModuleAsyncOptions, type TenancyModuleOptions } from './tenancy-module.ts';
export { TENANCY } from './tenancy-token.ts';
export { tenantCacheKey } from './tenant-cache-key.ts';
export { tenantMessages } from './tenant-messages.ts';
export { tenantSocketAdapter } from './tenant-socket-adapter.ts';
