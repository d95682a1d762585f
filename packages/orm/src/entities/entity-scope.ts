import type { EntityMetadata, MetadataStorage } from '@mikro-orm/core';
import { TenancyError } from '@omnitenant/core';

/** Whose an entity's rows are: each tenant's own, central's, or both, a table in central and one in each tenant. */
export type EntityScope = 'tenant' | 'central' | 'shared';

/** The schema that central and shared tables have in the central database. */
export const centralSchema = 'central';

/** The scope of each entity, by its metadata. An entity that declares nothing is the tenant's. */
export type EntityScopes = ReadonlyMap<EntityMetadata, EntityScope>;

/**
 * Reads the scope of each discovered entity: `schema: 'central'` makes it central, being listed as shared makes it shared,
 * anything else is the tenant's.
 *
 * @throws CONFIG_INVALID when an entity names another schema, or when a relation leads from one scope into another,
 * where no foreign key and no join can follow it.
 */
export function entityScopes(metadata: MetadataStorage, shared: ReadonlySet<EntityMetadata>): EntityScopes {
  const scopes = new Map<EntityMetadata, EntityScope>();
  for (const meta of metadata.getAll().values()) {
    if (!meta.abstract && !meta.embeddable && !meta.pivotTable) scopes.set(meta, scopeOf(meta, shared));
  }
  for (const [meta, scope] of scopes) {
    for (const property of meta.relations) {
      const target = property.targetMeta && scopes.get(property.targetMeta);
      if (target && !mayRefer(scope, target)) {
        throw new TenancyError(
          'CONFIG_INVALID',
          `${meta.className}.${property.name} leads from a ${scope} entity to ${property.targetMeta?.className}, a ${target} one. ` +
            'Keep its id in a plain column, or list the entity it leads to as shared.',
        );
      }
      if (property.pivotEntity) scopes.set(metadata.get(property.pivotEntity), scope);
    }
  }
  return scopes;
}

function scopeOf(meta: EntityMetadata, shared: ReadonlySet<EntityMetadata>): EntityScope {
  if (meta.schema === centralSchema) return 'central';
  if (meta.schema && meta.schema !== '*') {
    throw new TenancyError(
      'CONFIG_INVALID',
      `The entity ${meta.className} is fixed to the schema '${meta.schema}'. ` +
        `Leave its schema out to make it the tenant's, or say schema: '${centralSchema}'.`,
    );
  }
  return shared.has(meta) ? 'shared' : 'tenant';
}

function mayRefer(from: EntityScope, to: EntityScope): boolean {
  return from === to || (to === 'shared' && from !== 'shared');
}
