import { type Domain, TenancyError, type Tenant } from '@omnitenant/core';
import {
  type FoundTenant,
  isTenantId,
  type TenantSearch,
  unknownTenant,
  withoutHidden,
  withoutSecrets,
} from '@omnitenant/core/extend';
import type { AdminOrm } from '../admin-orm.ts';
import type { TenantDetail, TenantSummary } from '../schemas/tenant.ts';

/** The search of the orm's store. */
export function searchOf({ store }: AdminOrm): TenantSearch {
  if (store.search) return store.search;
  throw new TenancyError('CONFIG_INVALID', 'The store of the tenants has no search; give createAdmin the orm.');
}

/** A tenant as operators see it in a list. */
export function summaryOf(tenant: Tenant, version: string): TenantSummary {
  const { id, name, status, isolation, placement, retainUntil, createdAt, updatedAt } = tenant;
  const { server, database, schema } = placement;
  return {
    id,
    name,
    status,
    isolation,
    placement: { ...(server && { server }), ...(database && { database }), ...(schema && { schema }) },
    version: version || null,
    retainUntil: retainUntil?.toISOString() ?? null,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
    etag: etagOf(tenant),
  };
}

/** One tenant as operators see it. */
function detailOf(
  tenant: Tenant,
  version: string,
  domains: readonly Domain[],
  hidden?: readonly string[],
): TenantDetail {
  const { id, name, status, isolation, placement, config, retainUntil, createdAt, updatedAt, ...columns } = tenant;
  return {
    ...summaryOf(tenant, version),
    domains: domains.map(({ host, primary }) => ({ host, primary })),
    config: withoutSecrets(config) as Record<string, unknown>,
    columns: withoutHidden(columns, hidden) as Record<string, unknown>,
  };
}

/** The version of a tenant's record, its incarnation included. */
export function etagOf({ createdAt, updatedAt }: Pick<Tenant, 'createdAt' | 'updatedAt'>): string {
  return `"${createdAt.getTime().toString(36)}-${updatedAt.getTime().toString(36)}"`;
}

/**
 * A tenant as it is stored now.
 *
 * @throws TENANT_UNKNOWN
 */
export async function readTenant(orm: AdminOrm, id: string): Promise<FoundTenant> {
  const found = isTenantId(id) ? await searchOf(orm).page({ id, limit: 1 }) : [];
  if (found[0]) return found[0];
  throw unknownTenant(id);
}

/** @throws TENANT_UNKNOWN */
export async function readDetail(orm: AdminOrm, id: string): Promise<TenantDetail> {
  const { tenant, version } = await readTenant(orm, id);
  return detailOf(tenant, version, await orm.store.domains(id), orm.store.hiddenColumns);
}
