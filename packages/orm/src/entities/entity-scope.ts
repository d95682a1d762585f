import type { EntityMetadata, EntityProperty, MetadataStorage } from '@mikro-orm/core';
import { TenancyError } from '@omnitenant/core';

/** Who owns an entity's rows: each tenant its own, central, or both, with a table in central and one in each tenant. */
export type EntityScope = 'tenant' | 'central' | 'shared';

/** The schema that central and shared tables have in the central database. */
export const centralSchema = 'central';

/** The scope of each entity that has a table. An entity that declares nothing is the tenant's. */
export interface EntityScopes {
  has(meta: EntityMetadata): boolean;
  get(meta: EntityMetadata): EntityScope | undefined;
}

/**
 * Reads the scope of each discovered entity: `schema: 'central'` makes it central, being listed as shared makes it shared,
 * anything else is the tenant's. With single-table inheritance the root decides.
 *
 * @throws CONFIG_INVALID when an entity, or a native enum of it, names another schema, or when a relation leads from one scope into another,
 * where no foreign key and no join can follow it.
 */
export function entityScopes(metadata: MetadataStorage, shared: ReadonlySet<EntityMetadata>): EntityScopes {
  // By class: the metadata that a relation points to is not always the object in the storage.
  const scopes = new Map<unknown, EntityScope>();
  const sharedClasses = new Set<unknown>([...shared].map(({ root }) => root.class));
  const metas = [...metadata.getAll().values()];
  for (const meta of metas) {
    if (meta.pivotTable || !hasTable(meta)) continue;
    scopes.set(meta.class, scopeOf(meta, sharedClasses));
  }
  for (const meta of metas) {
    const scope = meta.pivotTable ? undefined : scopes.get(meta.class);
    if (!scope) continue;
    for (const relation of meta.relations) checkRelation(meta, relation, scope);
    for (const property of meta.props) checkEnum(meta, property, scope);
  }
  return { has: (meta) => scopes.has(meta.class), get: (meta) => scopes.get(meta.class) };

  function checkRelation(meta: EntityMetadata, relation: EntityProperty, scope: EntityScope): void {
    // The side that has the foreign key, or the pivot table, decides.
    if (relation.mappedBy) return;
    for (const target of relation.polymorphTargets ?? [relation.targetMeta]) {
      const targetScope = target && scopes.get(target.class);
      if (targetScope && !mayRefer(scope, targetScope)) throw crossesScopes(meta, relation, scope, target, targetScope);
    }
    if (!relation.pivotEntity) return;
    const pivot = metadata.get(relation.pivotEntity);
    checkTable(pivot, scope === 'central' ? centralSchema : undefined);
    scopes.set(pivot.class, scope);
  }
}

/** Only the abstract root of an inheritance has a table; other abstract entities and embeddables have none. */
function hasTable({ abstract, embeddable, discriminatorColumn, inheritanceType }: EntityMetadata): boolean {
  return !embeddable && (!abstract || discriminatorColumn !== undefined || inheritanceType === 'tpt');
}

function scopeOf(meta: EntityMetadata, shared: ReadonlySet<unknown>): EntityScope {
  const schema = schemaOf(meta.root) === centralSchema ? centralSchema : undefined;
  checkTable(meta.root, schema);
  if (meta !== meta.root) checkTable(meta, schemaOf(meta) === undefined ? undefined : schema);
  if (schema === centralSchema) return 'central';
  return shared.has(meta.root.class) ? 'shared' : 'tenant';
}

/** MikroORM's `*` means the schema of the EntityManager, which is the tenant's. */
function schemaOf({ schema }: EntityMetadata): string | undefined {
  return schema === '*' ? undefined : schema || undefined;
}

/** Refuses a table that is in another schema than `allowed`. */
function checkTable(meta: EntityMetadata, allowed: string | undefined): void {
  const [schema] = meta.tableName?.includes('.') ? meta.tableName.split('.') : [schemaOf(meta)];
  if (schema === allowed) return;
  throw new TenancyError(
    'CONFIG_INVALID',
    `The table of "${meta.className}" is fixed to the schema "${schema}". ` +
      `Remove the schema to make it a tenant table, or set schema: "${centralSchema}" on the entity, or on the root of its hierarchy.`,
  );
}

/** Refuses an enum of PostgreSQL that is in another schema than the table. */
function checkEnum(
  { className }: EntityMetadata,
  { name, nativeEnumName = '' }: EntityProperty,
  scope: EntityScope,
): void {
  const [schema, ...type] = nativeEnumName.split('.');
  if (type.length === 0 || (scope === 'central' && schema === centralSchema)) return;
  throw new TenancyError(
    'CONFIG_INVALID',
    `The type of "${className}.${name}" is fixed to the schema "${schema}", and a type is in the schema of its table. ` +
      `Name it without the schema: nativeEnumName: "${type.join('.')}".`,
  );
}

function mayRefer(from: EntityScope, to: EntityScope): boolean {
  return from === to || (to === 'shared' && from !== 'shared');
}

function crossesScopes(
  { className }: EntityMetadata,
  { name }: EntityProperty,
  scope: EntityScope,
  target: EntityMetadata,
  targetScope: EntityScope,
): TenancyError {
  return new TenancyError(
    'CONFIG_INVALID',
    `"${className}.${name}" refers from a ${scope} entity to "${target.className}", a ${targetScope} one, and no foreign key can cross that boundary. ` +
      `Store the id in a plain column, or make "${target.className}" shared.`,
  );
}
