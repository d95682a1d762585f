import * as v from 'valibot';
import { AuditExportQuery, AuditPage, AuditQuery } from '../schemas/audit.ts';
import { ClaimList, ClaimQuery, DomainClaim, Release } from '../schemas/domain.ts';
import { Connections, FleetSummary, HealthReport, OperatorView, Stats } from '../schemas/fleet.ts';
import {
  FleetVerification,
  MigrationPlan,
  MigrationRun,
  MigrationStatus,
  PlanQuery,
  Rollback,
} from '../schemas/migration.ts';
import { Operation, OperationPage, OperationQuery } from '../schemas/operation.ts';
import { TenantQueues } from '../schemas/queue.ts';
import {
  Adoption,
  Archival,
  Confirmed,
  Import,
  Move,
  NewDomain,
  NewTenant,
  Restoration,
  TenantDetail,
  TenantPage,
  TenantPatch,
  TenantQuery,
  Verification,
  WithReason,
} from '../schemas/tenant.ts';
import { UsageQuery, UsageReport } from '../schemas/usage.ts';
import type { Endpoint } from './endpoint.ts';

const unknown = ['TENANT_UNKNOWN'] as const;
const changes = [...unknown, 'TENANT_CHANGED', 'VETOED'] as const;

const read = { method: 'GET', permission: 'read' } as const;
const local = { ...read, isLocal: true } as const;

/** A verb that is over when it is answered, with the tenant as it is then. */
const verb = { method: 'POST', permission: 'operate', answer: TenantDetail, ifMatch: 'optional' } as const;
const transition = { ...verb, body: WithReason, problems: [...changes, 'TRANSITION_REFUSED'] } as const;

/** A verb of a claim to a domain. */
const claiming = {
  method: 'POST',
  permission: 'operate',
  answer: DomainClaim,
  problems: ['DOMAIN_INVALID', 'CLAIMS_MISSING'],
} as const;

/** A verb that goes on after it is answered, as an operation. */
const long = {
  method: 'POST',
  permission: 'operate',
  answer: Operation,
  status: 202,
  problems: ['KEY_REUSED'],
} as const;
const longOfTenant = {
  ...long,
  body: WithReason,
  ifMatch: 'optional',
  problems: [...unknown, 'TENANT_CHANGED', 'KEY_REUSED'],
} as const;

/** What cannot be brought back: what is lost, and what has been shown to a tenant that it does not belong to. */
const destroying = { ...long, permission: 'destroy', problems: ['NOT_CONFIRMED', 'KEY_REUSED'] } as const;
const destroyingTenant = {
  ...destroying,
  body: Confirmed,
  ifMatch: 'optional',
  problems: [...unknown, 'TENANT_CHANGED', ...destroying.problems],
} as const;

/** Every operation of the API. */
export const endpoints = {
  operator: { ...local, path: '/operator', summary: 'Who is asking, and what they may do', answer: OperatorView },

  fleet: { ...read, path: '/fleet', summary: 'Counts of tenants', answer: FleetSummary },
  usage: {
    ...read,
    path: '/usage',
    summary: 'What tenants have used, by day and by tenant',
    query: UsageQuery,
    answer: UsageReport,
  },
  health: { ...local, path: '/health', summary: 'Whether this process can serve', answer: HealthReport },
  stats: { ...local, path: '/stats', summary: 'What this process counts', answer: Stats },
  connections: { ...local, path: '/connections', summary: 'Connections, by server', answer: Connections },

  tenants: {
    ...read,
    path: '/tenants',
    summary: 'Tenants, page by page, in the order of their ids',
    query: TenantQuery,
    answer: TenantPage,
  },
  tenant: { ...read, path: '/tenants/{id}', summary: 'One tenant', answer: TenantDetail, problems: unknown },
  createTenant: { ...long, path: '/tenants', summary: 'Create a tenant', body: NewTenant },
  adoptTenant: {
    ...destroying,
    path: '/adoptions',
    summary: 'Create a tenant from existing storage',
    body: Adoption,
  },
  importTenant: {
    ...destroying,
    path: '/imports',
    summary: 'Create a tenant from an archive',
    body: Import,
    problems: [...destroying.problems, 'ARCHIVES_MISSING'],
  },
  updateTenant: {
    ...verb,
    method: 'PATCH',
    path: '/tenants/{id}',
    summary: 'Change the name, the config or own columns',
    body: TenantPatch,
    ifMatch: 'required',
    problems: [...changes, 'IF_MATCH_REQUIRED', 'TENANT_INVALID'],
  },
  suspendTenant: { ...transition, path: '/tenants/{id}/suspend', summary: 'Close an active tenant' },
  resumeTenant: { ...transition, path: '/tenants/{id}/resume', summary: 'Activate a closed tenant' },
  maintainTenant: { ...transition, path: '/tenants/{id}/maintain', summary: 'Close a tenant for maintenance' },
  archiveTenant: {
    ...transition,
    path: '/tenants/{id}/archive',
    summary: 'Close a tenant permanently and keep its storage',
    body: Archival,
  },
  addDomain: {
    ...verb,
    path: '/tenants/{id}/domains',
    summary: 'Add a domain',
    body: NewDomain,
    problems: [...changes, 'DOMAIN_INVALID', 'DOMAIN_TAKEN', 'DOMAIN_UNPROVED'],
  },
  removeDomain: {
    ...verb,
    method: 'DELETE',
    path: '/tenants/{id}/domains/{host}',
    summary: 'Remove a domain',
    query: WithReason,
    problems: [...changes, 'DOMAIN_INVALID'],
  },
  domainClaims: {
    ...read,
    path: '/domain-claims',
    summary: 'Claims of tenants to domains, with the records to publish',
    query: ClaimQuery,
    answer: ClaimList,
  },
  claimDomain: {
    ...claiming,
    path: '/tenants/{id}/domain-claims',
    summary: 'Claim a domain, which the record in the answer proves',
    body: NewDomain,
    problems: [...unknown, ...claiming.problems, 'DOMAIN_TAKEN', 'BACKLOG_FULL'],
  },
  verifyDomain: {
    ...claiming,
    path: '/tenants/{id}/domain-claims/{host}/verify',
    summary: 'Ask DNS for the record of a claim now',
    body: WithReason,
    problems: [...claiming.problems, 'DOMAIN_UNPROVED', 'DOMAIN_TAKEN', 'VETOED'],
  },
  releaseDomain: {
    ...claiming,
    method: 'DELETE',
    path: '/tenants/{id}/domain-claims/{host}',
    summary: 'Give up a claim, and the domain with it',
    query: WithReason,
    answer: Release,
    problems: [...claiming.problems, 'VETOED'],
  },
  repairTenant: { ...longOfTenant, path: '/tenants/{id}/repair', summary: 'Finish a failed tenant' },
  migrateTenant: { ...longOfTenant, path: '/tenants/{id}/migrate', summary: 'Apply pending migrations to one tenant' },
  verifyTenant: {
    ...longOfTenant,
    path: '/tenants/{id}/verify',
    summary: 'Compare the tables of one tenant with its migrations',
    body: Verification,
  },
  moveTenant: {
    ...longOfTenant,
    path: '/tenants/{id}/move',
    summary: 'Move a tenant to another isolation, database or server',
    body: Move,
  },
  undoMove: {
    ...longOfTenant,
    path: '/tenants/{id}/undo-move',
    summary: 'Leave a tenant where it is, and undo a move that was cut short',
  },
  giveUpMove: {
    ...destroyingTenant,
    path: '/tenants/{id}/give-up-move',
    summary:
      'Undo a move whose server is gone for good: a place that cannot be reached is given up, with what is there',
  },
  exportTenant: {
    ...longOfTenant,
    path: '/tenants/{id}/export',
    summary: 'Write everything that a tenant has to an archive, where the application keeps them',
    problems: [...longOfTenant.problems, 'ARCHIVES_MISSING'],
  },
  clearTenant: { ...destroyingTenant, path: '/tenants/{id}/clear', summary: 'Remove a failed tenant' },
  resetTenant: {
    ...destroyingTenant,
    path: '/tenants/{id}/reset',
    summary: 'Delete all data of a tenant and create its storage again',
  },
  restoreTenant: {
    ...destroyingTenant,
    path: '/tenants/{id}/restore',
    summary: 'Write what a tenant has to an archive, and replace it by another archive',
    body: Restoration,
    problems: [...destroyingTenant.problems, 'ARCHIVES_MISSING'],
  },
  removeTenant: { ...destroyingTenant, path: '/tenants/{id}/remove', summary: 'Remove a tenant and its storage' },
  eraseTenant: {
    ...destroyingTenant,
    path: '/tenants/{id}/erase',
    summary: 'Write a tenant to an archive, and remove it',
    problems: [...destroyingTenant.problems, 'ARCHIVES_MISSING'],
  },
  tenantQueues: {
    ...read,
    path: '/tenants/{id}/queues',
    summary: 'Jobs of one tenant, by queue and state',
    answer: TenantQueues,
    problems: [...unknown, 'TENANT_SUSPENDED', 'TENANT_MAINTENANCE', 'TENANT_ARCHIVED'],
  },

  migrations: {
    ...read,
    path: '/migrations',
    summary: 'The migrations, and who has which',
    answer: MigrationStatus,
    problems: ['SERVER_UNAVAILABLE'],
  },
  plan: {
    ...read,
    path: '/migrations/plan',
    summary: 'What a run would do, with its SQL',
    query: PlanQuery,
    answer: MigrationPlan,
    problems: ['MIGRATION_UNKNOWN', 'SERVER_UNAVAILABLE'],
  },
  migrate: { ...long, path: '/migrations/up', summary: 'Apply pending migrations, group by group', body: MigrationRun },
  rollBack: { ...long, path: '/migrations/down', permission: 'destroy', summary: 'Revert migrations', body: Rollback },
  verify: {
    ...long,
    path: '/migrations/verify',
    summary: 'Compare the tables of tenants with their migrations',
    body: FleetVerification,
  },

  operations: {
    ...read,
    path: '/operations',
    summary: 'Operations, newest first',
    query: OperationQuery,
    answer: OperationPage,
  },
  operation: {
    ...read,
    path: '/operations/{id}',
    summary: 'One operation',
    answer: Operation,
    problems: ['NOT_FOUND'],
  },
  operationEvents: {
    ...read,
    path: '/operations/{id}/events',
    summary: 'One operation, each time that it changes, until it has ended',
    answer: v.string(),
    type: 'text/event-stream',
    problems: ['NOT_FOUND'],
  },

  audit: { ...read, path: '/audit', summary: 'The audit, newest first', query: AuditQuery, answer: AuditPage },
  auditExport: {
    ...read,
    path: '/audit.ndjson',
    summary: 'The audit in the order of its entries, one JSON a line',
    query: AuditExportQuery,
    answer: v.string(),
    type: 'application/x-ndjson',
  },
} as const satisfies Record<string, Endpoint>;

/** The names of the operations. */
export type EndpointName = keyof typeof endpoints;
