import { type EntityMetadata, EventType, type FilterQuery } from '@mikro-orm/core';
import type { TenantEntityManager } from '../entities/entity-manager.ts';
import { generatedReadOptions } from '../mikro-orm/generated-reads.ts';
import { columnOf, tableOf } from './entity-tables.ts';
import type { DomainEntity, TenantEntity } from './tenant-entity.ts';

/** A row of the tenants' table, as PostgreSQL gives it. */
export type LookedUpRow = Readonly<Record<string, unknown>>;

/**
 * Reads tenants' rows by statements whose text is made once. MikroORM takes longer to make such a statement, and an entity of its answer,
 * than PostgreSQL takes to answer.
 */
export interface TenantRows {
  /** Whether a tenant is its row: no filter, formula or listener of the application's adds to it or hides it. */
  areTenants(em: TenantEntityManager): Promise<boolean>;
  byId(em: TenantEntityManager, id: string): Promise<LookedUpRow | undefined>;
  byHost(em: TenantEntityManager, host: string): Promise<LookedUpRow | undefined>;
  idOf(row: LookedUpRow): string;
  /** The entity that MikroORM would make of the row. */
  entityOf(em: TenantEntityManager, row: LookedUpRow): TenantEntity;
}

export function tenantRows(tenant: EntityMetadata<TenantEntity>, domain: EntityMetadata<DomainEntity>): TenantRows {
  const id = `"t0".${columnOf(tenant, 'id')}`;
  const tenants = `select "t0".* from ${tableOf(tenant)} as "t0" where ${id} =`;
  const named = `select "d0".${columnOf(domain, 'tenantId')} from ${tableOf(domain)} as "d0" where "d0".${columnOf(domain, 'host')} = ?`;
  const isTable = [tenant, domain].every(({ virtual, view, inheritanceType }) => !virtual && !view && !inheritanceType);
  const isPlain =
    isTable &&
    tenant.props.every(({ formula, lazy, hasConvertToJSValueSQL }) => !formula && !lazy && !hasConvertToJSValueSQL);

  async function first(em: TenantEntityManager, sql: string, value: string): Promise<LookedUpRow | undefined> {
    const [row] = await em.execute<LookedUpRow[]>(sql, [value], 'all', generatedReadOptions as never);
    return row;
  }

  async function isFiltered(em: TenantEntityManager, entity: EntityMetadata<never>): Promise<boolean> {
    const all = {} as FilterQuery<never>;
    return (await em.applyFilters(entity.class as never, all, {}, 'read')) !== all;
  }

  return {
    async areTenants(em) {
      if (!isPlain || em.getEventManager().hasListeners(EventType.onLoad, tenant)) return false;
      return !(await isFiltered(em, tenant as never)) && !(await isFiltered(em, domain as never));
    },
    byId: (em, value) => first(em, `${tenants} ?`, value),
    byHost: (em, host) => first(em, `${tenants} (${named})`, host),
    idOf: (row) => row[tenant.properties.id.fieldNames[0] as string] as string,
    entityOf(em, row) {
      const data = em.getDriver().mapResult(row as never, tenant as never);
      return em.merge(tenant.class, data as never, { convertCustomTypes: true, refresh: true, validate: false });
    },
  };
}
