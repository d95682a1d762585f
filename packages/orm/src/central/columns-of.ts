import { type EntityMetadata, Utils } from '@mikro-orm/core';

/** The values of a loaded entity's columns; a relation becomes the primary key that it holds. */
export function columnsOf<T>(entity: object, meta: EntityMetadata): T {
  const columns: Record<string, unknown> = {};
  for (const property of meta.props) {
    if (property.persist === false || property.kind === '1:m' || property.kind === 'm:n') continue;
    const value = (entity as Record<string, unknown>)[property.name];
    columns[property.name] = Utils.isEntity(value, true) ? Utils.extractPK(value) : value;
  }
  return columns as T;
}
