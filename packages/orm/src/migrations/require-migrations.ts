import { TenancyError } from '@omnitenant/core';
import type { Ledger } from './ledger.ts';
import type { MigrationSet } from './migration-set.ts';
import { lastOf } from './version.ts';

/**
 * Refuses code in which no migrations were found, where there have to be some: otherwise tenants would be made without tables, and
 * those that there are would be called up to date.
 *
 * @throws CONFIG_INVALID
 */
export async function requireMigrations(
  { names, folder }: Pick<MigrationSet, 'names' | 'folder'>,
  { hasTables, ledger }: { readonly hasTables: boolean; readonly ledger?: Pick<Ledger, 'anyMigrated'> },
): Promise<void> {
  if (names.length > 0) return;
  if (folder !== undefined && hasTables) {
    throw new TenancyError(
      'CONFIG_INVALID',
      `There are no migrations in the folder "${folder}", so no tables would be made. Set the path of the migrations, or write the first one with: ` +
        'omnitenant migration:create. An application that needs none says so: migrationsList: [].',
    );
  }
  const migrated = await ledger?.anyMigrated();
  if (migrated === undefined) return;
  throw new TenancyError(
    'CONFIG_INVALID',
    `This code has no migrations, but tenant "${migrated.tenant.id}" has "${lastOf(migrated.version ?? '')}". Set the path of the migrations, or deploy ` +
      'the code that has them.',
  );
}
