import type { MigrationsOptions } from '@mikro-orm/core';
import type { Migrator } from '@mikro-orm/migrations';

/** The source of migrations, if it is not that of the MikroORM configuration. */
export type MigrationSource = Pick<MigrationsOptions, 'path' | 'pathTs' | 'migrationsList'>;

/** Makes a migrator look for its migrations in this source only. Without a source, those of the configuration stay. */
export function useSource(migrator: Migrator, source: MigrationSource | undefined): void {
  if (!source || Object.keys(source).length === 0) return;
  const opened = migrator as unknown as { options: object };
  opened.options = { ...opened.options, path: undefined, pathTs: undefined, migrationsList: undefined, ...source };
}
