import type { Tenant, TenantStatus } from '@omnitenant/core';
import { tenantSnapshot } from '@omnitenant/core/extend';

/** A tenant as its table has it. */
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

export function toTenant(row: TenantRow): Tenant {
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

/** What a search looks through. SQLite itself knows the cases of ASCII only. */
export function foldedText(id: string, name: string): string {
  return `${id}\n${name.toLowerCase()}`;
}
