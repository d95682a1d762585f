import type { EntityMetadata } from '@mikro-orm/core';
import type { TenantNames } from '@omnitenant/core/extend';
import type { TenantEntityManager } from '../entities/entity-manager.ts';
import { columnOf, tableOf } from './entity-tables.ts';
import type { DomainEntity, TenantEntity } from './tenant-entity.ts';

/** Which of many ids and hosts lead to a tenant, in one query. */
export async function existingNames(
  em: TenantEntityManager,
  { ids, hosts }: TenantNames,
  of: { readonly tenant: EntityMetadata<TenantEntity>; readonly domain: EntityMetadata<DomainEntity> },
): Promise<TenantNames> {
  const found = await em.execute<{ kind: string; name: string }[]>(
    `${among(of.tenant, 'id')} union all ${among(of.domain, 'host')}`,
    [JSON.stringify(ids), JSON.stringify(hosts)],
  );
  const named = (asked: string) => found.filter(({ kind }) => kind === asked).map(({ name }) => name);
  return { ids: named('id'), hosts: named('host') };
}

function among<Entity>(of: EntityMetadata<Entity>, key: string & keyof Entity): string {
  const column = columnOf(of, key);
  return `select '${key}' as kind, ${column} as name from ${tableOf(of)} where ${column} = any(array(select json_array_elements_text(?::json)))`;
}
