import type { EntityMetadata, EntityProperty, MetadataStorage } from '@mikro-orm/core';

/** The tables with a foreign key to an entity's table, and those with one to these. */
export function referringTables(meta: EntityMetadata, metadata: MetadataStorage): readonly string[] {
  const tables = new Set([meta.tableName]);
  const metas = [...metadata.getAll().values()];
  for (const table of tables) {
    for (const other of metas) if (refersTo(other, table)) tables.add(other.tableName);
  }
  tables.delete(meta.tableName);
  return [...tables];
}

function refersTo(meta: EntityMetadata, table: string): boolean {
  if (meta.virtual || meta.view || !meta.tableName) return false;
  // With a table for each class, that of a child refers to its parent's.
  return meta.tptParent?.tableName === table || meta.relations.some((relation) => hasForeignKey(relation, table));
}

function hasForeignKey(
  { targetMeta, owner, kind, createForeignKeyConstraint, polymorphic }: EntityProperty,
  table: string,
): boolean {
  if (targetMeta?.tableName !== table || polymorphic || createForeignKeyConstraint === false) return false;
  return kind === 'm:1' || (kind === '1:1' && owner);
}
