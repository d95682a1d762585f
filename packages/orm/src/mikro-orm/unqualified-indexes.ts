import type { EntityMetadata } from '@mikro-orm/core';

type Index = EntityMetadata['indexes'][number] | EntityMetadata['uniques'][number];

/** An entity whose index expressions get a table without a schema where MikroORM would name the default one. */
export function withUnqualifiedIndexes(meta: EntityMetadata, defaultSchema: string | undefined): EntityMetadata {
  const unqualified = <I extends Index>(index: I): I => ({ ...index, ...unqualifiedExpression(index, defaultSchema) });
  return Object.create(meta, {
    indexes: { value: meta.indexes.map(unqualified), enumerable: true },
    uniques: { value: meta.uniques.map(unqualified), enumerable: true },
  });
}

function unqualifiedExpression({ expression }: Index, defaultSchema: string | undefined): Pick<Index, 'expression'> {
  if (typeof expression !== 'function') return {};
  return {
    expression: (columns, table, name) => {
      const { name: qualifiedName } = table;
      const own = { name: qualifiedName, qualifiedName, toString: () => qualifiedName };
      return expression(columns, table.schema === defaultSchema ? own : table, name);
    },
  };
}
