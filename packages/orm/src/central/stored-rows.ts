import type { Tenant, TenantStatus } from '@omnitenant/core';
import {
  type AuditEntry,
  type AuditOutcome,
  abandoned,
  type Operation,
  type OperationError,
  type OperationProgress,
  type TenantRecordChange,
  tenantSnapshot,
  type UsageCounts,
  type UsageSum,
} from '@omnitenant/core/extend';

/** Rows of a store in SQL. Times are milliseconds since 1970, and what is JSON is text. */

/** The value of a JSON text, or `undefined` where there is none. */
function ofJson(text: string | null): unknown {
  return text === null ? undefined : JSON.parse(text);
}

export interface TenantRow {
  readonly id: string;
  readonly name: string;
  readonly status: TenantStatus;
  readonly isolation: string;
  readonly placement: string;
  readonly config: string;
  readonly retain_until: number | null;
  readonly created_at: number;
  readonly updated_at: number;
}

export function toTenantOf(row: TenantRow): Tenant {
  const { id, name, status, isolation } = row;
  return tenantSnapshot({
    id,
    name,
    status,
    isolation,
    placement: JSON.parse(row.placement),
    config: JSON.parse(row.config),
    ...(row.retain_until !== null && { retainUntil: new Date(row.retain_until) }),
    createdAt: new Date(row.created_at),
    updatedAt: new Date(row.updated_at),
  });
}

/** What a search looks through: databases fold cases each in their own way. */
export function foldedText(id: string, name: string): string {
  return `${id}\n${name.toLowerCase()}`;
}

export interface AuditRow {
  readonly id: number;
  readonly at: number;
  readonly verb: string;
  readonly tenant: string | null;
  readonly actor: string | null;
  readonly reason: string | null;
  readonly call: string;
  readonly outcome: AuditOutcome;
  readonly before: string | null;
  readonly after: string | null;
  readonly error: string | null;
}

export function toEntry({ id, at, verb, tenant, actor, reason, call, outcome, ...json }: AuditRow): AuditEntry {
  const { before, after, error } = json;
  return {
    id: String(id),
    at: new Date(at),
    verb,
    call,
    outcome,
    ...(tenant !== null && { tenant }),
    ...(actor !== null && { actor }),
    ...(reason !== null && { reason }),
    ...(before !== null && { before: ofJson(before) }),
    ...(after !== null && { after: ofJson(after) }),
    ...(error !== null && { error: ofJson(error) as NonNullable<AuditEntry['error']> }),
  };
}

export interface OperationRow {
  readonly id: string;
  readonly verb: string;
  readonly tenant: string | null;
  readonly actor: string;
  readonly reason: string | null;
  readonly digest: string;
  readonly status: Operation['status'];
  readonly progress: string | null;
  readonly result: string | null;
  readonly error: string | null;
  readonly started_at: number;
  readonly ended_at: number | null;
  readonly ends_at: number;
}

/** One that nobody has renewed in time has failed, whatever its row says. */
export function toOperation(row: OperationRow, nowMs: number): Operation {
  const isAbandoned = row.status === 'running' && row.ends_at <= nowMs;
  const error = isAbandoned ? abandoned : (ofJson(row.error) as OperationError | undefined);
  const endedAt = isAbandoned ? row.ends_at : row.ended_at;
  return {
    id: row.id,
    verb: row.verb,
    actor: row.actor,
    digest: row.digest,
    status: isAbandoned ? 'failed' : row.status,
    startedAt: new Date(row.started_at),
    ...(row.tenant !== null && { tenant: row.tenant }),
    ...(row.reason !== null && { reason: row.reason }),
    ...(row.progress !== null && { progress: ofJson(row.progress) as OperationProgress }),
    ...(row.result !== null && { result: ofJson(row.result) }),
    ...(error !== undefined && { error }),
    ...(endedAt !== null && { endedAt: new Date(endedAt) }),
  };
}

export interface UsageRow extends CountsRow {
  readonly tenant: string;
  readonly created_at: number;
}

export interface CountsRow {
  readonly statements: number;
  readonly milliseconds: number;
  readonly rows: number;
  readonly jobs: number;
  readonly cache_bytes: number;
}

export function toSum({ tenant, created_at, ...row }: UsageRow): UsageSum {
  return { tenant, createdAt: new Date(created_at), ...toCounts(row) };
}

export function toCounts({ statements, milliseconds, rows, jobs, cache_bytes }: CountsRow): UsageCounts {
  return { statements, milliseconds, rows, jobs, cacheBytes: cache_bytes };
}

export interface ChangeRow {
  readonly number: number;
  readonly kind: TenantRecordChange['kind'];
  readonly name: string;
  readonly updated_at: number | null;
}

export function toChange({ kind, name, updated_at: updatedAt }: ChangeRow): TenantRecordChange {
  if (kind === 'domain') return { kind, host: name };
  if (kind === 'removed') return { kind, tenant: name };
  return { kind, tenant: name, updatedAt: updatedAt ?? undefined };
}
