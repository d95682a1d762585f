import type { EntityMetadata } from '@mikro-orm/core';
import { DatabaseSchema, type EntityManager, SchemaGenerator } from '@mikro-orm/sql';
import type { TenantEntityManager } from '../entities/entity-manager.ts';
import type { EntityScopes } from '../entities/entity-scope.ts';

/** The statements that lead from one schema to another, and back. */
export interface Difference {
  readonly up: string[];
  readonly down: string[];
}

/** MikroORM's schema generator, limited to the entities of one scope. */
export class ScopeSchemaGenerator extends SchemaGenerator {
  readonly #includes: (meta: EntityMetadata) => boolean;

  constructor(em: TenantEntityManager, includes: (meta: EntityMetadata) => boolean) {
    super(em as unknown as EntityManager);
    this.#includes = includes;
  }

  override getOrderedMetadata(...args: Parameters<SchemaGenerator['getOrderedMetadata']>): EntityMetadata[] {
    return super.getOrderedMetadata(...args).filter((meta) => this.#includes(meta));
  }

  /** Compares the entities with a schema; without one, with an empty database. */
  async difference(from: DatabaseSchema | undefined): Promise<Difference> {
    const fromSchema = from ?? new DatabaseSchema(this.platform, this.config.get('schema'));
    const { up, down } = await this.getUpdateSchemaMigrationSQL({ wrap: false, fromSchema });
    return { up: statementsIn(up), down: statementsIn(down) };
  }
}

/** The DDL that creates the tables of central and shared entities that `exists` does not name, to run with central's pin. */
export function centralDdl(
  em: TenantEntityManager,
  scopes: EntityScopes,
  exists: ReadonlySet<string>,
): Promise<string> {
  const generator = new ScopeSchemaGenerator(
    em,
    (meta) => scopes.has(meta) && scopes.get(meta) !== 'tenant' && !exists.has(meta.tableName),
  );
  return generator.getCreateSchemaSQL({ wrap: false });
}

/** MikroORM ends each statement with a semicolon and a line break; one inside a string literal ends nothing. */
function statementsIn(sql: string): string[] {
  const statements: string[] = [];
  let rest = '';
  for (const part of sql.split(/;\n/)) {
    rest += rest ? `;\n${part}` : part;
    if (rest.split("'").length % 2 === 0) continue;
    if (rest.trim()) statements.push(`${rest.trim().replace(/;$/, '')};`);
    rest = '';
  }
  return statements;
}
