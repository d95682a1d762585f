export {
  type CentralScope,
  currentScope,
  handleOf,
  outside,
  type Scope,
  snapshot,
  type TenantScope,
} from './context.ts';
export { errorCodes, isTenancyError, TenancyError, type TenancyErrorCode, type TenancyErrorOptions } from './errors.ts';
export { type Transition, transitions } from './lifecycle.ts';
export { logFields } from './log-fields.ts';
export { type Domain, hostOf, parseHost } from './models/domain.ts';
export {
  type DomainInput,
  isTenantId,
  type OwnColumns,
  type Placement,
  parseTenantId,
  reservedTenantIds,
  type Tenant,
  type TenantChange,
  type TenantDraft,
  type TenantInput,
  type TenantStatus,
  tenantSnapshot,
} from './models/tenant.ts';
export { parseTenantChange } from './models/tenant-input.ts';
export { redact } from './redact.ts';
export type { TenantRegistry, TenantUpdate } from './registry.ts';
export { allOf } from './resolvers/all-of.ts';
export { firstOf } from './resolvers/first-of.ts';
export { fromDomain } from './resolvers/from-domain.ts';
export { fromHeader } from './resolvers/from-header.ts';
export { fromPath } from './resolvers/from-path.ts';
export { fromSubdomain } from './resolvers/from-subdomain.ts';
export type { Identifier, TenantRequest, TenantResolver } from './resolvers/resolver.ts';
export { defineResource, type PlacementDraft, type ResourceScope, type TenantResource } from './resource.ts';
export type { OnError, SignalEvents, SignalName, Signals } from './signals.ts';
export { memoryStore } from './stores/memory.ts';
export type { TenantFilter, TenantStore } from './stores/store.ts';
export { createTenancy, type Tenancy } from './tenancy.ts';
export type { TenancyOptions } from './tenancy-options.ts';
export type { TenantCacheOptions } from './tenant-cache.ts';
