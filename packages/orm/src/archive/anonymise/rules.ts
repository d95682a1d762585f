import type { Collection, EntityClass, EntityKey, EntitySchema } from '@mikro-orm/core';

/** What a replacement goes by besides the value. */
export interface ReplaceContext {
  readonly table: string;
  readonly column: string;
  /**
   * 32 hexadecimal digits that the value and the key give: the same for the same value in every table and in every run, and another for
   * another value.
   */
  readonly token: string;
  /** A whole number of 32 bits from the token, such as a generator of test data takes. */
  readonly seed: number;
}

/**
 * Gives what a value is replaced by. Values are PostgreSQL's own text of them, such as `2026-01-31`, `{"plan": "pro"}` or `{one,two}`, and
 * never null. Has to give the same for the same value; for the columns of a unique index, another for another value.
 */
export type Replacement = (value: string, context: ReplaceContext) => string | null;

/**
 * The rule of a column: its values are kept, are all null, or are replaced unless they are null. A foreign key with `keep` refers
 * to the same row, even if that row's key is replaced.
 */
export type Rule = 'keep' | 'null' | Replacement;

/** A rule for each property of an entity that may have a column; for those of an embeddable, by their names. */
export type RulesFor<Entity> = {
  readonly [P in EntityKey<Entity> as NonNullable<Entity[P]> extends Collection<object> ? never : P]-?:
    | Rule
    | EmbeddedRules<NonNullable<Entity[P]>>;
};

type EmbeddedRules<Value> = Value extends Plain ? never : Value extends object ? RulesFor<Value> : never;
type Plain = Date | Uint8Array | readonly unknown[] | { unwrap(): unknown };

/** The rules of one entity, as `rulesFor` returns them. */
export interface EntityRules {
  readonly entity: EntityClass<unknown> | EntitySchema;
  readonly rules: Readonly<Record<string, unknown>>;
}

/**
 * The rules of an entity. A property without one does not compile.
 * @example
 * rulesFor(User, { id: 'keep', email: replace.email, name: replace.name, invitedBy: 'keep' });
 */
export function rulesFor<Entity extends object>(
  entity: EntityClass<Entity> | EntitySchema<Entity>,
  rules: RulesFor<NoInfer<Entity>>,
): EntityRules {
  return { entity: entity as EntityRules['entity'], rules };
}
