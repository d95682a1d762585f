import {
  type AlterTableNode,
  type AlterTypeNode,
  type CreateSchemaNode,
  type DropSchemaNode,
  type IdentifierNode,
  type OnConflictNode,
  PostgresDialect,
  PostgresQueryCompiler,
  type QueryCompiler,
  type SchemableIdentifierNode,
} from 'kysely';
import type { Owner } from '../entities/ownership.ts';
import { refuseSchema } from '../entities/refuse-schema.ts';
import { conflictNodeWithTenant } from './conflicts.ts';

/** PostgreSQL's own, in which nothing of a tenant is kept. */
const ofPostgres: ReadonlySet<string> = new Set(['pg_catalog', 'information_schema']);

/** Kysely's dialect for one scope: a query that names another schema, or a table of one, is refused when it is compiled. */
export class ScopedDialect extends PostgresDialect {
  readonly #owner: Owner;
  readonly #sharesTables: boolean;

  constructor(config: ConstructorParameters<typeof PostgresDialect>[0], owner: Owner, sharesTables: boolean) {
    super(config);
    this.#owner = owner;
    this.#sharesTables = sharesTables;
  }

  override createQueryCompiler(): QueryCompiler {
    return new ScopedQueryCompiler(this.#owner, this.#sharesTables);
  }
}

class ScopedQueryCompiler extends PostgresQueryCompiler {
  readonly #owner: Owner;
  readonly #sharesTables: boolean;

  constructor(owner: Owner, sharesTables: boolean) {
    super();
    this.#owner = owner;
    this.#sharesTables = sharesTables;
  }

  protected override visitOnConflict(node: OnConflictNode): void {
    super.visitOnConflict(this.#sharesTables ? conflictNodeWithTenant(node) : node);
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
