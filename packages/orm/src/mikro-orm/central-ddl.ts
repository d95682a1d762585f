import type { EntityMetadata } from '@mikro-orm/core';
import { type EntityManager, SchemaGenerator } from '@mikro-orm/sql';
import type { EntityScopes } from '../entities/entity-scope.ts';
import type { BaseOrm } from './base-orm.ts';

/** The DDL that creates the tables of central and shared entities that `exists` does not know, to run with central's pin. */
export async function centralDdl(orm: BaseOrm, scopes: EntityScopes, exists: ReadonlySet<string>): Promise<string> {
  const generator = new CentralSchemaGenerator(orm.em as EntityManager);
  generator.wanted = (meta) => scopes.has(meta) && scopes.get(meta) !== 'tenant' && !exists.has(meta.tableName);
  return generator.getCreateSchemaSQL({ wrap: false });
}

class CentralSchemaGenerator extends SchemaGenerator {
  wanted: (meta: EntityMetadata) => boolean = () => false;

  override getOrderedMetadata(...args: Parameters<SchemaGenerator['getOrderedMetadata']>): EntityMetadata[] {
    return super.getOrderedMetadata(...args).filter((meta) => this.wanted(meta));
  }
}
