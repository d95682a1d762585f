/** For authors of stores, resources and integrations. */

export { type CentralScope, currentScope, handleOf, type Scope, type TenantScope } from './context.ts';
export {
  domainTaken,
  leaseLost,
  type TenancyErrorOptions,
  tenantExists,
  tenantOutdated,
  transitionRefused,
  unknownTenant,
} from './errors.ts';
export { enterUntilClosed, type NodeExchange } from './integrations/node-exchange.ts';
export { namesOneHost, pathOfTarget } from './integrations/request-target.ts';
export { type StreamInScope, scopedBody } from './integrations/scoped-body.ts';
export { socketErrors } from './integrations/socket-errors.ts';
export { hostFromHeader, parseDomain } from './models/domain.ts';
export { incarnationOf, parseIncarnation } from './models/incarnation.ts';
export {
  type DomainInput,
  isTenantId,
  type Placement,
  type TenantChange,
  type TenantDraft,
  tenantSnapshot,
} from './models/tenant.ts';
export { isSecretName, redact } from './redact.ts';
export type { Identifier } from './resolvers/resolver.ts';
export {
  defineResource,
  type FleetMigration,
  type PlacementAnswer,
  type PlacementDraft,
  type ProvisionedAs,
  type ResourceScope,
  type ResourceVerbs,
  resource,
  type StoringResource,
} from './resource.ts';
export type { OnError, SignalEvents, SignalName, Signals } from './signals.ts';
export type { TenantChanges, TenantRecordChange } from './stores/changes.ts';
export type { TenantLease, TenantLeases } from './stores/leases.ts';
export type { TenantFilter, TenantNames, TenantStore, WriteFence } from './stores/store.ts';
export { tagError } from './tag-error.ts';
export type { TenantCacheOptions } from './tenant-cache.ts';
export type { TenantUpdate } from './tenant-registry.ts';
export { type OptionNames, unknownOption } from './unknown-option.ts';
