import type { EntityMetadata } from '@mikro-orm/core';
import type { Tenant } from '@omnitenant/core';
import { tenantSnapshot } from '@omnitenant/core/extend';
import { columnsOf } from './columns-of.ts';
import type { TenantEntity } from './tenant-entity.ts';

/** A tenant as it is stored, with the version of its migrations that central has recorded. */
export interface StoredTenant {
  readonly tenant: Tenant;
  readonly version: string | undefined;
  /** When it was read, by `performance`. */
  readonly readAt: number;
}

const versions = new WeakMap<Tenant, string>();

/** The snapshot of a stored tenant. Its version is internal to the orm, and not among the columns. */
export function toTenant<T extends Tenant>(entity: TenantEntity, meta: EntityMetadata<TenantEntity>): T {
  const { schemaVersion, retainUntil, ...columns } = columnsOf<T & Pick<TenantEntity, 'schemaVersion'>>(entity, meta);
  const tenant = tenantSnapshot({ ...columns, ...(retainUntil && { retainUntil }) } as unknown as T);
  if (schemaVersion) versions.set(tenant, schemaVersion);
  return tenant;
}

/** The version that central had recorded when the tenant was read. */
export function lastKnownVersion(tenant: Tenant): string | undefined {
  return versions.get(tenant);
}

/**
 * Gives the snapshot that is in use already where what it is made of has not changed since, and with it what was derived of it, such as
 * the tenant's driver.
 */
export function snapshotsInUse<T extends Tenant>(): (id: string, source: object, make: () => T) => T {
  const inUse = new Map<string, { readonly source: object; readonly snapshot: WeakRef<T> }>();
  const unused = new FinalizationRegistry<string>((id) => {
    if (inUse.get(id)?.snapshot.deref() === undefined) inUse.delete(id);
  });

  return (id, source, make) => {
    const known = inUse.get(id);
    const snapshot = known?.snapshot.deref();
    if (snapshot !== undefined && isSame(known?.source, source)) return snapshot;
    const made = make();
    inUse.set(id, { source, snapshot: new WeakRef(made) });
    unused.register(made, id);
    return made;
  };
}

/** Whether two values of a record are equal, as far as that can be seen: objects of classes may hide something. */
function isSame(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  const prototype = Object.getPrototypeOf(one);
  if (prototype !== Object.getPrototypeOf(other)) return false;
  if (prototype === Date.prototype) return (one as Date).getTime() === (other as Date).getTime();
  if (prototype !== Object.prototype && prototype !== Array.prototype && prototype !== null) return false;
  const keys = Object.keys(one);
  if (keys.length !== Object.keys(other).length) return false;
  return keys.every((key) => Object.hasOwn(other, key) && isSame(one[key as never], other[key as never]));
}
