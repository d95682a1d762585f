import {
  type AlterTableNode,
  type AlterTypeNode,
  type CreateSchemaNode,
  type DropSchemaNode,
  type IdentifierNode,
  PostgresDialect,
  PostgresQueryCompiler,
  type QueryCompiler,
  type SchemableIdentifierNode,
} from 'kysely';
import type { Owner } from '../entities/ownership.ts';
import { refuseSchema } from '../entities/refuse-schema.ts';

/** PostgreSQL's own, in which nothing of a tenant is kept. */
const ofPostgres: ReadonlySet<string> = new Set(['pg_catalog', 'information_schema']);

/** Kysely's dialect for one scope: a query that names another schema, or a table of one, is refused when it is compiled. */
export class ScopedDialect extends PostgresDialect {
  readonly #owner: Owner;

  constructor(config: ConstructorParameters<typeof PostgresDialect>[0], owner: Owner) {
    super(config);
    this.#owner = owner;
  }

  override createQueryCompiler(): QueryCompiler {
    return new ScopedQueryCompiler(this.#owner);
  }
}

class ScopedQueryCompiler extends PostgresQueryCompiler {
  readonly #owner: Owner;

  constructor(owner: Owner) {
    super();
    this.#owner = owner;
  }

  protected override visitSchemableIdentifier(node: SchemableIdentifierNode): void {
    const schema = node.schema?.name;
    if (schema !== undefined && !ofPostgres.has(schema)) refuseSchema(schema, this.#owner);
    super.visitSchemableIdentifier(node);
  }

  protected override visitCreateSchema(node: CreateSchemaNode): void {
    this.#refuse(node.schema);
    super.visitCreateSchema(node);
  }

  protected override visitDropSchema(node: DropSchemaNode): void {
    this.#refuse(node.schema);
    super.visitDropSchema(node);
  }

  protected override visitAlterTable(node: AlterTableNode): void {
    this.#refuse(node.setSchema);
    super.visitAlterTable(node);
  }

  protected override visitAlterType(node: AlterTypeNode): void {
    this.#refuse(node.setSchema);
    super.visitAlterType(node);
  }

  #refuse(schema: IdentifierNode | undefined): void {
    refuseSchema(schema?.name, this.#owner);
  }
}
