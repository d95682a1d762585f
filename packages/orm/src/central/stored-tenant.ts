import type { EntityMetadata } from '@mikro-orm/core';
import type { Tenant } from '@omnitenant/core';
import { tenantSnapshot } from '@omnitenant/core/extend';
import { columnsOf } from './columns-of.ts';
import type { TenantEntity } from './tenant-entity.ts';

/** A tenant as it is stored, with the version of its migrations that central has recorded. */
export interface StoredTenant {
  readonly tenant: Tenant;
  readonly version: string | undefined;
}

const versions = new WeakMap<Tenant, string>();

/** The snapshot of a stored tenant. Its version is internal to the orm, and not among the columns. */
export function toTenant<T extends Tenant>(entity: TenantEntity, meta: EntityMetadata<TenantEntity>): T {
  const { schemaVersion, ...columns } = columnsOf<T & Pick<TenantEntity, 'schemaVersion'>>(entity, meta);
  const tenant = tenantSnapshot(columns as unknown as T);
  if (schemaVersion) versions.set(tenant, schemaVersion);
  return tenant;
}

/** The version that central had recorded when the tenant was read. */
export function lastKnownVersion(tenant: Tenant): string | undefined {
  return versions.get(tenant);
}
