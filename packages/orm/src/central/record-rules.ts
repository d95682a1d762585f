import { type EntityProperty, Reference, Utils } from '@mikro-orm/core';
import { TenancyError, type Tenant } from '@omnitenant/core';
import { leaseLost, tenantChanged, tenantOutdated, type WriteFence } from '@omnitenant/core/extend';

/**
 * Refuses a write that is meant for another incarnation, another holder, or a record as it was before.
 *
 * @throws TENANT_BUSY, TENANT_OUTDATED, TENANT_CHANGED
 */
export function checkFence(
  id: string,
  found: { readonly tenant: Tenant | undefined; readonly holder: string | undefined },
  { createdAt, holder, updatedAt }: WriteFence = {},
): void {
  if (holder !== undefined && found.holder !== holder) throw leaseLost(id);
  const { tenant } = found;
  if (tenant === undefined) return;
  if (createdAt !== undefined && tenant.createdAt.getTime() !== createdAt.getTime()) throw tenantOutdated(id);
  if (updatedAt !== undefined && tenant.updatedAt.getTime() !== updatedAt.getTime()) throw tenantChanged(id);
}

/**
 * Refuses columns of the application's own, which only a store on PostgreSQL has.
 *
 * @throws TENANT_INVALID
 */
export function refuseOwnColumns(id: string, columns: object): void {
  const [name] = Object.keys(columns);
  if (name === undefined) return;
  const message = `Tenant "${id}" is not valid: "${name}" is no column of its record, or never changes. Use config for what is your own.`;
  throw new TenancyError('TENANT_INVALID', message, { tenant: id });
}

/**
 * Refuses the values of a related entity, of which MikroORM would create or change the row. A key or a loaded entity names one.
 *
 * @throws TENANT_INVALID
 */
export function refuseNested(id: string, columns: object, properties: Readonly<Record<string, EntityProperty>>): void {
  for (const [name, value] of Object.entries(columns)) {
    const kind = properties[name]?.kind;
    if (kind === undefined || kind === 'scalar' || kind === 'embedded') continue;
    if (![value].flat().some(isNested)) continue;
    const message = `Tenant "${id}" is not valid: "${name}" is a relation. Give the key of what it refers to, or the entity.`;
    throw new TenancyError('TENANT_INVALID', message, { tenant: id });
  }
}

function isNested(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Utils.isEntity(value) && !Reference.isReference(value);
}
