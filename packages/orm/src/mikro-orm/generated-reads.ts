import type { EntityMetadata } from '@mikro-orm/core';
import type { AbstractSqlDriver } from '@mikro-orm/sql';

/**
 * Marks the selects that the driver makes from the metadata of an entity with a table, as distinct from those that the application
 * writes or builds. The mark travels with MikroORM's logging options, which reach the connection with the statement.
 */
export function markingGeneratedReads(prototype: AbstractSqlDriver, base: AbstractSqlDriver): AbstractSqlDriver {
  const { find, count } = base as unknown as Reads;
  function marked(driver: AbstractSqlDriver, entityName: unknown, options: ReadOptions = {}): ReadOptions {
    const meta = driver.getMetadata().find(entityName as never) as EntityMetadata | undefined;
    if (!meta || meta.view || meta.virtual || meta.expression) return options;
    return { ...options, logging: { ...options.logging, ...generatedReadOptions } };
  }
  return Object.assign(prototype, {
    find(this: AbstractSqlDriver, entityName: unknown, where: unknown, options?: ReadOptions) {
      return find.call(this, entityName, where, marked(this, entityName, options));
    },
    count(this: AbstractSqlDriver, entityName: unknown, where: unknown, options?: ReadOptions) {
      return count.call(this, entityName, where, marked(this, entityName, options));
    },
  });
}

/** Whether a statement that arrives with these logging options is such a select. */
export function isGeneratedRead(loggerContext: object | undefined): boolean {
  return loggerContext !== undefined && generatedRead in loggerContext;
}

const generatedRead: unique symbol = Symbol('omnitenant.generatedRead');

/** The logging options of such a select. */
export const generatedReadOptions = { [generatedRead]: true } as const;

interface ReadOptions {
  readonly logging?: object;
}

/** The driver's methods that make selects from metadata alone. */
interface Reads {
  find(entityName: unknown, where: unknown, options: ReadOptions): Promise<unknown>;
  count(entityName: unknown, where: unknown, options: ReadOptions): Promise<unknown>;
}
