import { type EntityMetadata, EventType, type FilterQuery } from '@mikro-orm/core';
import type { TenantEntityManager } from '../entities/entity-manager.ts';
import { centralSchema } from '../entities/entity-scope.ts';
import { generatedReadOptions } from '../mikro-orm/generated-reads.ts';
import { quoteName } from '../sql/quote.ts';
import type { DomainEntity, TenantEntity } from './tenant-entity.ts';

/** A row of the tenants' table, as PostgreSQL gives it. */
export type TenantRow = Readonly<Record<string, unknown>>;

/**
 * Reads tenants' rows by statements whose text is made once. MikroORM takes longer to make such a statement, and an entity of its answer,
 * than PostgreSQL takes to answer.
 */
export interface TenantRows {
  /** Whether a tenant is its row: no filter, formula or listener of the application's adds to it or hides it. */
  areTenants(em: TenantEntityManager): Promise<boolean>;
  byId(em: TenantEntityManager, id: string): Promise<TenantRow | undefined>;
  byHost(em: TenantEntityManager, host: string): Promise<TenantRow | undefined>;
  /** The entity that MikroORM would make of the row. */
  entityOf(em: TenantEntityManager, row: TenantRow): TenantEntity;
}

export function tenantRows(tenant: EntityMetadata<TenantEntity>, domain: EntityMetadata<DomainEntity>): TenantRows {
  const id = `"t0".${column(tenant, 'id')}`;
  const tenants = `select "t0".* from ${table(tenant)} as "t0" where ${id} =`;
  const named = `select "d0".${column(domain, 'tenantId')} from ${table(domain)} as "d0" where "d0".${column(domain, 'host')} = ?`;
  const isTable = [tenant, domain].every(({ virtual, view, inheritanceType }) => !virtual && !view && !inheritanceType);
  const isPlain =
    isTable &&
    tenant.props.every(({ formula, lazy, hasConvertToJSValueSQL }) => !formula && !lazy && !hasConvertToJSValueSQL);

  async function first(em: TenantEntityManager, sql: string, value: string): Promise<TenantRow | undefined> {
    const [row] = await em.execute<TenantRow[]>(sql, [value], 'all', generatedReadOptions as never);
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
    entityOf(em, row) {
      const data = em.getDriver().mapResult(row as never, tenant as never);
      return em.merge(tenant.class, data as never, { convertCustomTypes: true, refresh: true, validate: false });
    },
  };
}

function table({ tableName }: Pick<EntityMetadata, 'tableName'>): string {
  return `${quoteName(centralSchema)}.${quoteName(tableName)}`;
}

function column<Entity>({ properties }: EntityMetadata<Entity>, property: string & keyof Entity): string {
  return quoteName(properties[property as never]['fieldNames'][0]);
}
