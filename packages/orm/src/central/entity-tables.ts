import type { EntityMetadata } from '@mikro-orm/core';
import { centralSchema } from '../entities/entity-scope.ts';
import { quoteName } from '../sql/quote.ts';

/** The table of an entity of central, quoted. */
export function tableOf({ tableName }: { readonly tableName: string }): string {
  return `${quoteName(centralSchema)}.${quoteName(tableName)}`;
}

/** The column of a property, quoted. */
export function columnOf<Entity>({ properties }: EntityMetadata<Entity>, property: string & keyof Entity): string {
  return quoteName(properties[property as never]['fieldNames'][0]);
}
