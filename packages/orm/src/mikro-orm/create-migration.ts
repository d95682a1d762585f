import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Migrator } from '@mikro-orm/migrations';
import type { DatabaseSchema } from '@mikro-orm/sql';
import type { TenantEntityManager } from '../entities/entity-manager.ts';
import { type MigrationWarning, migrationWarnings } from '../sql/migration-warnings.ts';
import { type MigrationSource, useSource } from './migrator-options.ts';
import { type Difference, type SchemaPart, ScopeSchemaGenerator } from './scope-schema-generator.ts';

/** Options of a new migration. */
export interface CreateMigrationOptions {
  /** Becomes part of the file's name. */
  readonly name?: string | undefined;
  /** Writes an empty migration, to be filled in by hand. Default: false, which writes what has changed in the entities. */
  readonly blank?: boolean | undefined;
}

/** A migration that was written. */
export interface CreatedMigration {
  /** Its file, or `undefined` if the entities have not changed. */
  readonly path: string | undefined;
  readonly up: readonly string[];
  readonly down: readonly string[];
  /** What in its SQL loses rows, fails or locks tables that are in use. */
  readonly warnings: readonly MigrationWarning[];
}

/** The scope that migrations are written for. */
export interface MigrationScope {
  readonly part: SchemaPart;
  readonly snapshotName: string;
  readonly source?: MigrationSource | undefined;
}

/**
 * Writes a migration as MikroORM's `migration:create` does, from the difference between the entities and the snapshot beside
 * the migrations; the first time, from the snapshot that MikroORM has left there. It queries no database, and leaves out the tables of
 * other scopes.
 */
export async function createMigration(
  em: TenantEntityManager,
  { part, snapshotName, source }: MigrationScope,
  { name, blank = false }: CreateMigrationOptions,
): Promise<CreatedMigration> {
  const files = new MigrationFiles(em);
  useSource(files, source);
  const path = await files.folder();
  const snapshot = join(path, `${snapshotName}.json`);
  const generator = new ScopeSchemaGenerator(em, part);
  const diff = blank
    ? { up: ['select 1'], down: ['select 1'] }
    : await generator.difference(existsSync(snapshot) ? await files.read(snapshot) : await files.readOwn(generator));
  const warnings = blank ? [] : migrationWarnings(diff.up, { transactional: true });
  if (diff.up.length === 0) return { path: undefined, ...diff, warnings };
  const file = await files.write(diff, path, name);
  if (!blank) writeFileSync(snapshot, `${JSON.stringify(generator.getTargetSchema(), null, 2)}\n`);
  return { path: join(path, file), ...diff, warnings };
}

/** MikroORM's migrator, used for its files only. */
class MigrationFiles extends Migrator {
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

  /** Reads a snapshot from this path instead of the one that MikroORM's own name leads to. */
  async read(path: string): Promise<DatabaseSchema> {
    const reader = this as unknown as SnapshotReader;
    reader.getSnapshotPath = async () => path;
    return (await reader.getSchemaFromSnapshot()) as DatabaseSchema;
  }

  /** The snapshot of MikroORM's own command, without the tables that are another scope's by now. */
  async readOwn(generator: ScopeSchemaGenerator): Promise<DatabaseSchema | undefined> {
    const found = await (this as unknown as SnapshotReader).getSchemaFromSnapshot();
    return found && generator.withoutOthers(found);
  }
}

interface SnapshotReader {
  getSnapshotPath(): Promise<string>;
  getSchemaFromSnapshot(): Promise<DatabaseSchema | undefined>;
}
