import { type EntityMetadata, type EntityProperty, type MetadataStorage, ReferenceKind } from '@mikro-orm/core';
import { type Anonymisation, type AnonymisedRecord, TenancyError, type Tenant } from '@omnitenant/core';
import { type OptionNames, unknownOption } from '@omnitenant/core/extend';
import type { EntityScopes } from '../../entities/entity-scope.ts';
import { columnsOf } from './entity-columns.ts';
import type { EntityRules, Rule } from './rules.ts';

/** What an anonymised archive is made by. */
export interface AnonymisationOptions<T extends Tenant = Tenant> {
  /**
   * A secret of at least 32 characters, such as `generateCredentialsKey()` makes. With the same key, the same value is always replaced by
   * the same; without it, nobody can try which value a replacement stands for. Keep it away from archives and from who works with them.
   */
  readonly key: string;
  /** The rules of every entity that tenants have, each made by `rulesFor`. */
  readonly entities: readonly EntityRules[];
  /** Those of columns that no entity has, by table and column: pivot tables, tables of raw SQL. */
  readonly tables?: Readonly<Record<string, Readonly<Record<string, Rule>>>> | undefined;
  /** What the copy's record has of the tenant's: a name, a config, own columns. Default: nothing. */
  readonly record?: ((tenant: T) => AnonymisedRecord) | undefined;
  /** The rules of further resources, by their names. Default: they are left out. */
  readonly resources?: Readonly<Record<string, unknown>> | undefined;
}

const optionNames: OptionNames<AnonymisationOptions> = {
  key: true,
  entities: true,
  tables: true,
  record: true,
  resources: true,
};

/** A column of a table, by their names. */
export interface ColumnName {
  readonly table: string;
  readonly column: string;
}

/** The rules of columns, and what entities say about them. */
export interface ColumnRules {
  readonly key: string;
  ruleOf(column: ColumnName): Rule | undefined;
  /** What a relation leads to, also where no foreign key does. */
  targetsOf(column: ColumnName): readonly ColumnName[];
}

const made = new WeakMap<object, ColumnRules>();

/**
 * The rules by which `orm` anonymises.
 *
 * @throws CONFIG_INVALID where a property has no rule, or a rule no property.
 */
export function createAnonymisation<T extends Tenant>(
  metadata: MetadataStorage,
  scopes: EntityScopes,
  options: AnonymisationOptions<T>,
): Anonymisation<T> {
  const { key, entities, tables = {}, record = () => ({}), resources = {} } = options;
  const fault = unknownOption(options, optionNames);
  if (fault !== undefined) throw refused(`orm.anonymisation() ${fault}`);
  if (typeof key !== 'string' || key.length < 32) {
    throw refused('orm.anonymisation() needs a key of at least 32 characters: generateCredentialsKey() makes one.');
  }
  const rules = new Map<string, Rule>();

  function add(at: ColumnName, rule: unknown): void {
    if (!isRule(rule)) throw refused(`The rule of ${labelOf(at)} must be 'keep', 'null' or a function.`);
    const before = rules.get(idOf(at));
    if (before !== undefined && before !== rule) throw refused(`There are two different rules for ${labelOf(at)}.`);
    rules.set(idOf(at), rule);
  }

  for (const { entity, rules: given } of entities) {
    for (const { rule, ...at } of rulesOfEntity(metadata.get(entity as never), given)) add(at, rule);
  }
  for (const [table, columns] of Object.entries(tables)) {
    for (const [column, rule] of Object.entries(columns)) add({ table, column }, rule);
  }
  const columns = [...metadata.getAll().values()]
    .filter((meta) => ['tenant', 'shared'].includes(scopes.get(meta) ?? 'none') && !meta.virtual && !meta.view)
    .flatMap((meta) => columnsOf(meta));
  const missing = columns.filter((column) => !rules.has(idOf(column)));
  if (missing.length > 0)
    throw refused(
      `The anonymisation has no rule for ${named(missing.map(labelOf))}. Say 'keep' where a value may stay.`,
    );
  const targets = Map.groupBy(
    columns.flatMap(({ target, ...at }) => (target ? [{ at, target }] : [])),
    ({ at }) => idOf(at),
  );
  const orm = Object.freeze({});
  made.set(orm, {
    key,
    ruleOf: (at) => rules.get(idOf(at)),
    targetsOf: (at) => (targets.get(idOf(at)) ?? []).map(({ target }) => target),
  });
  return { record, resources: { ...resources, orm } };
}

/** What `createAnonymisation` has made; anything else is refused. */
export function columnRules(given: unknown): ColumnRules {
  const rules = typeof given === 'object' && given !== null ? made.get(given) : undefined;
  if (rules !== undefined) return rules;
  throw refused('The rules for "orm" are not those of orm.anonymisation(); nothing was read.');
}

/** A few names of many. */
export function named(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ');
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
}

/** `column "email" of table "user"`. */
export function labelOf({ table, column, property }: ColumnName & { readonly property?: string | undefined }): string {
  const label = `column "${column}" of table "${table}"`;
  return property === undefined ? label : `${label} (${property})`;
}

/** A text that no other column has. */
export function idOf({ table, column }: ColumnName): string {
  return JSON.stringify([table, column]);
}

/** The rules that a map gives for an entity, each with its column. */
function rulesOfEntity(
  meta: EntityMetadata,
  given: Readonly<Record<string, unknown>>,
): readonly (ColumnName & { readonly rule: unknown })[] {
  return rulesOfProperties(meta, meta.properties as Readonly<Record<string, EntityProperty>>, given);
}

function rulesOfProperties(
  meta: EntityMetadata,
  properties: Readonly<Record<string, EntityProperty>>,
  given: Readonly<Record<string, unknown>>,
): readonly (ColumnName & { readonly rule: unknown })[] {
  return Object.entries(given).flatMap(([name, rule]) => {
    const property = properties[name];
    const label = `"${meta.className}.${name}"`;
    if (property === undefined) throw refused(`There is a rule for ${label}, which is no property.`);
    if (typeof rule === 'object' && rule !== null) {
      if (!isInline(property)) throw refused(`${label} is one column: give it one rule.`);
      return rulesOfProperties(meta, property.embeddedProps, rule as Readonly<Record<string, unknown>>);
    }
    if (isInline(property)) {
      throw refused(`${label} has a column for each of its properties: give each its rule, by its name.`);
    }
    const columns = columnsOf(meta, [property]);
    if (columns.length === 0 && rule !== 'keep') throw refused(`${label} has no column to replace: say 'keep'.`);
    return columns.map(({ table, column }) => ({ table, column, rule }));
  });
}

/** An embeddable whose properties have columns of their own. */
function isInline({ kind, object }: EntityProperty): boolean {
  return kind === ReferenceKind.EMBEDDED && !object;
}

function isRule(rule: unknown): rule is Rule {
  return rule === 'keep' || rule === 'null' || typeof rule === 'function';
}

function refused(message: string): TenancyError {
  return new TenancyError('CONFIG_INVALID', message);
}
