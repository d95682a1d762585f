import type { EntityMetadata } from '@mikro-orm/core';
import type { Tenant } from '@omnitenant/core';
import { tenantSnapshot } from '@omnitenant/core/extend';
import { columnsOf } from './columns-of.ts';
import type { TenantEntity } from './tenant-entity.ts';

/** A tenant, and which version of the migrations central believes it to have. */
export interface StoredTenant {
  readonly tenant: Tenant;
  readonly version: string | undefined;
}

const versions = new WeakMap<Tenant, string>();

/** The snapshot of a stored tenant. Its version is the orm's own, and not among its columns. */
export function toTenant<T extends Tenant>(entity: TenantEntity, meta: EntityMetadata<TenantEntity>): T {
  const { schemaVersion, ...columns } = columnsOf<T & Pick<TenantEntity, 'schemaVersion'>>(entity, meta);
  const tenant = tenantSnapshot(columns as unknown as T);
  if (schemaVersion) versions.set(tenant, schemaVersion);
  return tenant;
}

/** Which version central believed a tenant to have when it was read. */
export function lastKnownVersion(tenant: Tenant): string | undefined {
  return versions.get(tenant);
}
