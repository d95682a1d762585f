import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EntityMetadata } from '@mikro-orm/core';
import { Migrator } from '@mikro-orm/migrations';
import { DatabaseSchema, type EntityManager, SchemaGenerator } from '@mikro-orm/sql';
import type { TenantEntityManager } from '../entities/entity-manager.ts';
import { keepAt, type MigrationsKept } from '../migrations/migration-set.ts';

/** What a new migration is to be. */
export interface CreateMigrationOptions {
  /** Becomes part of the file's name. */
  readonly name?: string;
  /** An empty one, to be written by hand. Default: what the entities have become since the last one. */
  readonly blank?: boolean;
}

/** A migration that was written. */
export interface CreatedMigration {
  /** Its file, or `undefined` where the entities have not changed. */
  readonly path: string | undefined;
  readonly up: readonly string[];
  readonly down: readonly string[];
}

/** Whose migrations are written: which tables are theirs, where they are kept, and the schema that stands in their SQL. */
export interface Authorship {
  readonly wanted: (meta: EntityMetadata) => boolean;
  readonly snapshotName: string;
  readonly kept?: MigrationsKept;
}

/**
 * Writes a migration as MikroORM's `migration:create` does, from the difference between the entities and the snapshot that
 * lies beside the migrations; no database is asked, and the tables of other scopes are left out.
 */
export async function createMigration(
  em: TenantEntityManager,
  { wanted, snapshotName, kept = {} }: Authorship,
  { name, blank = false }: CreateMigrationOptions,
): Promise<CreatedMigration> {
  const author = new Author(em);
  keepAt(author, kept);
  const path = await author.folder();
  const snapshot = join(path, `${snapshotName}.json`);
  const generator = new ScopeSchemaGenerator(em as unknown as EntityManager);
  generator.wanted = wanted;
  const diff = blank
    ? { up: ['select 1'], down: ['select 1'] }
    : await generator.difference(existsSync(snapshot) ? await author.read(snapshot) : undefined);
  if (diff.up.length === 0) return { path: undefined, ...diff };
  const file = await author.write(diff, path, name);
  if (!blank) writeFileSync(snapshot, `${JSON.stringify(generator.getTargetSchema(), null, 2)}\n`);
  return { path: join(path, file), ...diff };
}

interface Difference {
  readonly up: string[];
  readonly down: string[];
}

/** MikroORM's migrator, for what it knows of files. */
class Author extends Migrator {
  async folder(): Promise<string> {
    await this.initPaths();
    const { path, pathTs, emit } = this.options;
    const { fs } = await import('@mikro-orm/core/fs-utils');
    return fs.absolutePath(((emit ?? 'ts') === 'ts' && pathTs) || path || './migrations', this.config.get('baseDir'));
  }

  async write(diff: Difference, path: string, name: string | undefined): Promise<string> {
    const [, file] = await this.generator.generate(diff, path, name);
    return file;
  }

  /** MikroORM reads a snapshot from the path that its own name leads to. */
  async read(path: string): Promise<DatabaseSchema> {
    const reader = this as unknown as SnapshotReader;
    reader.getSnapshotPath = async () => path;
    return (await reader.getSchemaFromSnapshot()) as DatabaseSchema;
  }
}

interface SnapshotReader {
  getSnapshotPath(): Promise<string>;
  getSchemaFromSnapshot(): Promise<DatabaseSchema | undefined>;
}

class ScopeSchemaGenerator extends SchemaGenerator {
  wanted: (meta: EntityMetadata) => boolean = () => false;

  override getOrderedMetadata(...args: Parameters<SchemaGenerator['getOrderedMetadata']>): EntityMetadata[] {
    return super.getOrderedMetadata(...args).filter((meta) => this.wanted(meta));
  }

  async difference(from: DatabaseSchema | undefined): Promise<Difference> {
    const fromSchema = from ?? new DatabaseSchema(this.platform, this.config.get('schema'));
    const { up, down } = await this.getUpdateSchemaMigrationSQL({ wrap: false, fromSchema });
    return { up: statementsIn(up), down: statementsIn(down) };
  }
}

/** MikroORM ends each statement with a semicolon and a line; one inside a text is no end. */
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
