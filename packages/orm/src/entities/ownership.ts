import {
  type AnyEntity,
  type EntityMetadata,
  type EntityProperty,
  type EventSubscriber,
  type FlushEventArgs,
  helper,
  Reference,
  Utils,
} from '@mikro-orm/core';
import type { AbstractSqlDriver } from '@mikro-orm/sql';
import { TenancyError } from '@omnitenant/core';
import { refuseSchema } from './refuse-schema.ts';

/** Whose an entity can be: what a scoped EntityManager says of itself. */
export interface Owner {
  /** The same for all that is one tenant's, different for any two tenants, a re-created one included. */
  readonly scopeKey: string;
  /** The tenant's id, or `central`. */
  readonly scopeLabel: string;
  /** The schema that MikroORM's own statements name here: that of central, or of a tenant that is being migrated. */
  readonly namedSchema?: string | undefined;
}

/** A driver that reaches one scope's rows and no others: MikroORM's own, on a pinned pool. */
export type ScopedDriver = AbstractSqlDriver & Owner;

const owner: unique symbol = Symbol('omnitenant.owner');
type Owned = { [owner]?: Owner };

/**
 * Makes an entity its owner's, for good, the first time that it is created or loaded.
 *
 * @throws CROSS_TENANT when it is another's.
 */
export function claim(entity: AnyEntity, claimant: Owner): void {
  const wrapped = helper(entity) as unknown as Owned;
  if (wrapped[owner] === undefined) wrapped[owner] = claimant;
  else if (wrapped[owner].scopeKey !== claimant.scopeKey) throw crossTenant(entity, wrapped[owner], claimant);
}

/** Claims an entity, and what is nobody's yet of all that it leads to, such as what was created along with it. */
export function claimAll(entity: AnyEntity, claimant: Owner): void {
  claim(entity, claimant);
  for (const value of relationsOf(entity)) {
    for (const related of relatedBy(value)) {
      if ((helper(related) as unknown as Owned)[owner] === undefined) claimAll(related, claimant);
    }
  }
}

function relatedBy(value: unknown): AnyEntity[] {
  if (Utils.isCollection(value)) return value.getItems(false) as AnyEntity[];
  const entity = Reference.unwrapReference(value as AnyEntity);
  return Utils.isEntity(entity) ? [entity as AnyEntity] : [];
}

/**
 * Looks through what a caller hands over, be it an entity, a reference, a condition or data, for another's entity.
 *
 * @throws CROSS_TENANT when there is one.
 */
export function refuseForeign(value: unknown, claimant: Owner, instances = true): void {
  if (typeof value !== 'object' || value === null) return;
  const entity = Reference.unwrapReference(value as AnyEntity);
  if (Utils.isEntity(entity, true)) {
    refuseForeignEntity(entity as AnyEntity, claimant);
  } else if (Array.isArray(value) || Utils.isCollection(value)) {
    for (const item of Array.isArray(value) ? value : value.getItems(false)) refuseForeign(item, claimant, instances);
  } else if (instances || Utils.isPlainObject(value) || isEmbeddable(value)) {
    for (const part of partsOf(value)) refuseForeign(part, claimant, false);
  }
}

function isEmbeddable(value: object): boolean {
  return (value as { readonly __meta?: EntityMetadata }).__meta?.embeddable === true;
}

/** The values of data, which may be an instance of the application's own class, and of whose keys some may be SQL fragments. */
function partsOf(value: object): unknown[] {
  const symbols = Object.getOwnPropertySymbols(value).map((key) => (value as Record<symbol, unknown>)[key]);
  return [...Object.values(value), ...symbols];
}

function refuseForeignEntity(entity: AnyEntity, claimant: Owner): void {
  const of = (helper(entity) as unknown as Owned)[owner];
  if (of !== undefined && of.scopeKey !== claimant.scopeKey) throw crossTenant(entity, of, claimant);
}

/** Stands in front of every flush: nothing is written that is another's, or that refers to what is another's. */
export const flushGuard: EventSubscriber = {
  beforeFlush({ em, uow }: FlushEventArgs): void {
    for (const entity of uow.getIdentityMap()) refuseForeignRelations(entity, em as unknown as Owner);
  },
  onFlush({ em, uow }: FlushEventArgs): void {
    const claimant = em as unknown as Owner;
    for (const { entity, meta, schema } of uow.getChangeSets()) {
      claim(entity, claimant);
      // An entity may have been given one by wrap(entity).setSchema().
      if (schema !== em.getDriver().getSchemaName(meta)) refuseSchema(schema, claimant);
      refuseForeignRelations(entity, claimant);
    }
    for (const collection of uow.getCollectionUpdates()) {
      claim(collection.owner as AnyEntity, claimant);
      refuseForeign(collection, claimant);
    }
  },
};

function refuseForeignRelations(entity: AnyEntity, claimant: Owner): void {
  for (const value of relationsOf(entity)) refuseForeign(value, claimant);
}

/** The values of an entity's relations, those inside its embeddables included. */
function relationsOf(entity: AnyEntity): unknown[] {
  const meta = helper(entity).__meta as EntityMetadata;
  return meta.relations.flatMap((relation) => valuesOf(entity, meta, relation));
}

function valuesOf(entity: AnyEntity, meta: EntityMetadata, property: EntityProperty | undefined): unknown[] {
  if (!property?.embedded) return property ? [(entity as Record<string, unknown>)[property.name]] : [];
  const [parent, name] = property.embedded;
  return valuesOf(entity, meta, meta.properties[parent])
    .flat()
    .map((embeddable) => (embeddable as Record<string, unknown> | null | undefined)?.[name]);
}

function crossTenant(entity: AnyEntity, of: Owner, claimant: Owner): TenancyError {
  return new TenancyError(
    'CROSS_TENANT',
    `"${helper(entity).__meta.className}" belongs to "${of.scopeLabel}" and was used in the scope of "${claimant.scopeLabel}". ` +
      'Load it there, or create a new one from its values.',
    { tenant: claimant.scopeLabel },
  );
}
