import { type EntityMetadata, type FilterQuery, raw } from '@mikro-orm/core';
import type { Tenant, TenantStatus } from '@omnitenant/core';
import type { TenantCount, TenantQuery, TenantSearch } from '@omnitenant/core/extend';
import type { TenantEntityManager } from '../entities/entity-manager.ts';
import { quoteName } from '../sql/quote.ts';
import { columnOf, tableOf } from './entity-tables.ts';
import { toTenant } from './stored-tenant.ts';
import type { DomainEntity, TenantEntity } from './tenant-entity.ts';

/** The parts of the search. */
export interface TenantSearchOptions {
  readonly fork: () => TenantEntityManager;
  readonly tenant: EntityMetadata<TenantEntity>;
  readonly domain: EntityMetadata<DomainEntity>;
}

/** Pages and counts of tenants in central, each one query. */
export function centralSearch<T extends Tenant>({ fork, tenant, domain }: TenantSearchOptions): TenantSearch<T> {
  const column = (property: 'id' | 'status' | 'isolation' | 'placement' | 'schemaVersion') =>
    columnOf(tenant, property);
  /** The name of the last migration, without the digest that follows it. */
  const versionIn = (of: string) => `regexp_replace(${of}.${column('schemaVersion')}, '#[^#]*$', '')`;

  function where({ id, search, status, isolation, server, version, after }: TenantQuery): FilterQuery<TenantEntity> {
    const all: object[] = [];
    if (id !== undefined) all.push({ id });
    if (after !== undefined) all.push({ id: { $gt: after } });
    if (status !== undefined) all.push({ status });
    if (isolation !== undefined) all.push({ isolation });
    if (server !== undefined) all.push({ placement: { server } });
    if (version !== undefined) all.push({ [raw((alias) => versionIn(quoteName(alias)))]: version });
    if (search !== undefined) all.push({ $or: anyOf(search) });
    return { $and: all } as never;
  }

  function anyOf(search: string): object[] {
    const part = `%${search.replaceAll(/[%_\\]/g, String.raw`\$&`)}%`;
    const hasHost = (alias: string) =>
      `exists (select from ${tableOf(domain)} as host where host.${columnOf(domain, 'tenantId')} = ${quoteName(alias)}.${column('id')} ` +
      `and host.${columnOf(domain, 'host')} ilike ?)`;
    return [{ id: { $ilike: part } }, { name: { $ilike: part } }, { [raw(hasHost, [part])]: [] }];
  }

  return {
    async page(query) {
      const found = await fork().find(tenant.class, where(query), {
        orderBy: { id: 'asc' },
        limit: query.limit,
        populate: false,
      });
      return found.map((entity) => ({ tenant: toTenant<T>(entity, tenant), version: nameIn(entity.schemaVersion) }));
    },

    async counts() {
      const rows = await fork().execute<Counted[]>(
        `select tenant.${column('status')} as status, tenant.${column('isolation')} as isolation,
           coalesce(tenant.${column('placement')} ->> 'server', '') as server, ${versionIn('tenant')} as version,
           count(*)::int as tenants
         from ${tableOf(tenant)} as tenant group by 1, 2, 3, 4`,
      );
      return rows.map((row): TenantCount => row);
    },
  };
}

interface Counted {
  readonly status: TenantStatus;
  readonly isolation: string;
  readonly server: string;
  readonly version: string;
  readonly tenants: number;
}

function nameIn(schemaVersion: string): string {
  return schemaVersion.replace(/#[^#]*$/, '');
}
