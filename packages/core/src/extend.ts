/** For authors of stores, resources and integrations. */

export type { ArchivePart } from './archive/archive-part.ts';
export { publisher, type Traced, tracer } from './diagnostics/diagnostics.ts';
export {
  domainLeft,
  domainTaken,
  domainUnclaimed,
  leaseLost,
  mayPass,
  type TenancyErrorOptions,
  tenantChanged,
  tenantExists,
  tenantOutdated,
  transitionRefused,
  unknownTenant,
} from './errors/errors.ts';
export { requireNode } from './errors/node-version.ts';
export { isSecretName, redact, withoutHidden, withoutSecrets } from './errors/redact.ts';
export { misspelledOption, type OptionNames, unknownOption } from './errors/unknown-option.ts';
export { warn } from './errors/warn.ts';
export { bindCallbacks, enterUntilClosed, type NodeExchange, responseClosed } from './integrations/node-exchange.ts';
export { nodeRequest } from './integrations/node-request.ts';
export { namesOneHost, pathOfTarget } from './integrations/request-target.ts';
export { type StreamInScope, scopedBody } from './integrations/scoped-body.ts';
export { socketErrors } from './integrations/socket-errors.ts';
export { renewing } from './lifecycle/renewing.ts';
export type { TenantCacheOptions } from './lookup/tenant-cache.ts';
export { hostFromHeader, parseDomain } from './models/domain.ts';
export { incarnationOf, parseIncarnation } from './models/incarnation.ts';
export { isStorableText } from './models/storable-text.ts';
export {
  type DomainInput,
  isTenantId,
  type Placement,
  type TenantChange,
  type TenantDraft,
  tenantSnapshot,
} from './models/tenant.ts';
export type { UsageCounts, UsageDay, UsageName, UsageRecord, UsageSum } from './models/usage.ts';
export { verbDefaults } from './models/verb-options.ts';
export { checkSocketOptions, openSocket, type SocketScope } from './open-socket.ts';
export type { TenantUpdate } from './registry/tenant-registry.ts';
export type { Identifier } from './resolvers/resolver.ts';
export {
  defineResource,
  type FleetMigration,
  type HealthProbe,
  type HealthWarning,
  type MoveContext,
  type PlacementAnswer,
  type PlacementDraft,
  type ProvisionedAs,
  type ResourceScope,
  type ResourceVerbs,
  resource,
  type StoringResource,
} from './resource.ts';
export { type CentralScope, currentScope, handleOf, type Scope, type TenantScope, usageOf } from './scope/context.ts';
export { tagError } from './scope/tag-error.ts';
export { type AuditedCall, type Auditing, createAuditing } from './signals/auditing.ts';
export type { OnError, SignalEvent, SignalEvents, SignalName, Signals } from './signals/signals.ts';
export type { AuditDraft, AuditEntry, AuditOutcome, AuditQuery, TenantAudit } from './stores/audit.ts';
export type { TenantChanges, TenantRecordChange } from './stores/changes.ts';
export type {
  ClaimCheck,
  ClaimDraft,
  ClaimQuery,
  DomainClaims,
  DomainTerms,
  StoredClaim,
} from './stores/domain-claims.ts';
export type { TenantLease, TenantLeases } from './stores/leases.ts';
export {
  abandoned,
  type Operation,
  type OperationDraft,
  type OperationError,
  type OperationOutcome,
  type OperationProgress,
  type OperationQuery,
  type TenantOperations,
} from './stores/operations.ts';
export {
  type Outbox,
  type OutboxMessage,
  type Subscriber,
  type SubscriberState,
  type TenantEvent,
  type TenantEventType,
  tenantEventTypes,
} from './stores/outbox.ts';
export type { TokenRedemptions } from './stores/redemptions.ts';
export type { FoundTenant, TenantCount, TenantQuery, TenantSearch } from './stores/search.ts';
export type { TenantFilter, TenantNames, TenantStore, WriteFence } from './stores/store.ts';
export type { UsageBatch, UsageFilter, UsageStore } from './stores/usage.ts';
