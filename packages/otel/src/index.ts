export { type InstrumentOptions, instrumentTenancy } from './instrument-tenancy.ts';
export type { InstrumentedCache } from './stats/cache.ts';
export type { InstrumentedOrm } from './stats/orm.ts';
export type { InstrumentedQueue } from './stats/queue.ts';
export type { InstrumentedTenancy } from './stats/tenancy.ts';
export { type TenantSpanProcessor, tenantSpanProcessor } from './tenant-span-processor.ts';
