import type { TenantEntityManager } from '../entities/entity-manager.ts';
import { type CompiledMigration, type Direction, MigrationCompiler } from '../mikro-orm/migration-compiler.ts';
import type { MigrationSource } from '../mikro-orm/migrator-options.ts';
import { prefixesOf, versionOf } from './version.ts';

/** The migrations of the code, compiled once and replayed for each tenant. */
export interface MigrationSet {
  /** Their names, in order. */
  readonly names: readonly string[];
  /** The folder that they were looked for in, or `undefined` if they were given as a list. */
  readonly folder: string | undefined;
  /** The name of the table that logs the migrations of each tenant. */
  readonly logTable: string;
  compile(name: string, direction: Direction): Promise<CompiledMigration>;
  /** The migrations that a version stands for, or `undefined` if this code never had that version. */
  appliedAt(version: string): readonly string[] | undefined;
}

/**
 * Finds the application's migrations as MikroORM does.
 *
 * @throws CONFIG_INVALID if two have the same name.
 */
export async function loadMigrations(em: TenantEntityManager, source?: MigrationSource): Promise<MigrationSet> {
  const compiler = new MigrationCompiler(em, source);
  const found = new Map((await compiler.discover()).map((migration) => [migration.name, migration]));
  const names = [...found.keys()];
  const byVersion = new Map(prefixesOf(names).map((applied) => [versionOf(applied), applied]));
  const compiled = new Map<string, Promise<CompiledMigration>>();
  return {
    names,
    folder: await compiler.folder(),
    logTable: compiler.logTable,
    appliedAt: (version) => byVersion.get(version),
    compile: (name, direction) => {
      const key = `${direction} ${name}`;
      const known = compiled.get(key);
      if (known) return known;
      const migration = found.get(name);
      if (!migration) return Promise.reject(new TypeError(`There is no migration "${name}".`));
      const result = compiler.compile(() => migration[direction](), name);
      compiled.set(key, result);
      return result;
    },
  };
}
