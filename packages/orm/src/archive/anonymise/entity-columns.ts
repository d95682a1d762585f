import { type EntityMetadata, type EntityProperty, ReferenceKind } from '@mikro-orm/core';

/** A column that an entity's property has. */
export interface EntityColumn {
  readonly table: string;
  readonly column: string;
  /** As `User.email`; `undefined` in a pivot table. */
  readonly property: string | undefined;
  /** The column that a relation leads to. */
  readonly target: { readonly table: string; readonly column: string } | undefined;
}

/** The columns of an entity's own table, or of some of its properties. Those that PostgreSQL computes are not among them. */
export function columnsOf(
  meta: EntityMetadata,
  properties: readonly EntityProperty[] = meta.ownProps ?? meta.props,
): readonly EntityColumn[] {
  return properties.filter(hasColumn).flatMap((property) =>
    property.fieldNames.map((column, index) => ({
      table: meta.tableName,
      column,
      property: meta.pivotTable ? undefined : `${meta.className}.${property.name}`,
      target: targetOf(property, index),
    })),
  );
}

function hasColumn({ kind, persist, formula, generated, fieldNames, mappedBy, object }: EntityProperty): boolean {
  if (persist === false || formula !== undefined || isComputed(generated) || !fieldNames?.length) return false;
  if (kind === ReferenceKind.EMBEDDED) return object === true;
  return kind === ReferenceKind.SCALAR || (refers.includes(kind) && !mappedBy);
}

/** Whether PostgreSQL computes it from other columns. A column that counts, `by default as identity`, is stored like any other. */
function isComputed(generated: EntityProperty['generated']): boolean {
  return generated !== undefined && !(typeof generated === 'string' && /\bidentity$/i.test(generated.trim()));
}

function targetOf(property: EntityProperty, index: number): EntityColumn['target'] {
  const { kind, polymorphic, targetMeta, referencedColumnNames = [] } = property;
  const column = referencedColumnNames[index];
  if (!refers.includes(kind) || polymorphic || targetMeta === undefined || column === undefined) return undefined;
  return { table: targetMeta.tableName, column };
}

const refers: readonly ReferenceKind[] = [ReferenceKind.MANY_TO_ONE, ReferenceKind.ONE_TO_ONE];
