import type { EntityMetadata } from '@mikro-orm/core';
import { DatabaseSchema, type EntityManager, SchemaGenerator, type SchemaHelper } from '@mikro-orm/sql';
import type { TenantEntityManager } from '../entities/entity-manager.ts';
import type { EntityScopes } from '../entities/entity-scope.ts';
import { withUnqualifiedIndexes } from './unqualified-indexes.ts';

/** The part of the application's schema that belongs to one scope. */
export interface SchemaPart {
  /** Whether it has the entity's table or view. */
  table(meta: EntityMetadata): boolean;
  /** Whether it has the native enum. Default: every enum that its tables use. */
  enumType?: ((name: string) => boolean) | undefined;
  /** Whether it has the routine that declares this schema. */
  routine(schema: string | undefined): boolean;
}

/** The statements that lead from one schema to another, and back. */
export interface Difference {
  readonly up: string[];
  readonly down: string[];
}

/** MikroORM's schema generator, limited to one scope. */
export class ScopeSchemaGenerator extends SchemaGenerator {
  readonly #part: SchemaPart;

  /** `em` is the EntityManager that a view's expression gets. */
  constructor(em: TenantEntityManager, part: SchemaPart) {
    super(em as unknown as EntityManager);
    this.#part = part;
    Object.assign(this, { helper: withUnqualifiedFullText(this.helper) });
  }

  override getOrderedMetadata(...args: Parameters<SchemaGenerator['getOrderedMetadata']>): EntityMetadata[] {
    const metas = super.getOrderedMetadata(...args).filter((meta) => this.#part.table(meta));
    return metas.map((meta) => withUnqualifiedIndexes(meta, this.platform.getDefaultSchemaName()));
  }

  override getTargetSchema(...args: Parameters<SchemaGenerator['getTargetSchema']>): DatabaseSchema {
    const target = super.getTargetSchema(...args);
    const { enumType = () => true, routine } = this.#part;
    const enums = Object.entries(target.getNativeEnums()).filter(([, { name }]) => enumType(name));
    target.setNativeEnums(Object.fromEntries(enums));
    const routines = target.getRoutines() as { schema?: string }[];
    routines.splice(0, routines.length, ...routines.filter(({ schema }) => routine(schema)));
    return target;
  }

  /** Takes the tables of other scopes' entities out of a schema. */
  withoutOthers(schema: DatabaseSchema): DatabaseSchema {
    const others = super.getOrderedMetadata().filter((meta) => !this.#part.table(meta));
    const names = new Set(others.map(({ tableName }) => tableName));
    const tables = schema.getTables();
    tables.splice(0, tables.length, ...tables.filter(({ name }) => !names.has(name)));
    return schema;
  }

  /** Compares the entities with a schema; without one, with an empty database. */
  async difference(from: DatabaseSchema | undefined): Promise<Difference> {
    const fromSchema = from ?? new DatabaseSchema(this.platform, this.config.get('schema'));
    const { up, down } = await this.getUpdateSchemaMigrationSQL({ wrap: false, fromSchema });
    return { up: statementsIn(up), down: statementsIn(down) };
  }
}

/**
 * The DDL that creates the tables of central and shared entities, to run with central's pin. It leaves out the tables, views
 * and types that `exists` names. Routines belong to migrations.
 */
export function centralDdl(
  em: TenantEntityManager,
  scopes: EntityScopes,
  exists: ReadonlySet<string>,
): Promise<string> {
  const generator = new ScopeSchemaGenerator(em, {
    table: (meta) => scopes.has(meta) && scopes.get(meta) !== 'tenant' && !exists.has(meta.tableName),
    enumType: (name) => !exists.has(name),
    routine: () => false,
  });
  return generator.getCreateSchemaSQL({ wrap: false });
}

/** MikroORM qualifies the table of a full-text index also where it qualifies nothing else, with the default schema. */
function withUnqualifiedFullText(helper: SchemaHelper): SchemaHelper {
  const { platform } = helper as unknown as { platform: ReturnType<EntityManager['getPlatform']> };
  return Object.assign(Object.create(helper) as SchemaHelper, {
    createIndex(...[index, table, createPrimary]: Parameters<SchemaHelper['createIndex']>): string {
      if (index.type !== 'fulltext' || index.expression || table.schema !== platform.getDefaultSchemaName()) {
        return helper.createIndex(index, table, createPrimary);
      }
      const columns = index.columnNames.map((name) => ({ name, type: table.getColumn(name)?.type as string }));
      return platform.getFullTextIndexExpression(index.keyName, undefined, table.name, columns);
    },
  });
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
