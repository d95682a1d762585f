import type { Tenant } from '@omnitenant/core';
import { lastKnownVersion } from '../central/stored-tenant.ts';
import type { PendingMigrations } from '../mikro-orm/pending-migrations.ts';
import type { MigrationSet } from './migration-set.ts';
import { lastOf, versionOf } from './version.ts';

/**
 * Decides how to serve a tenant: as `pending` says, if it has pending migrations. A tenant that newer code has migrated has
 * none; a tenant whose version is unknown counts as having some.
 */
export function servingOf(pending: PendingMigrations, { names, appliedAt }: Pick<MigrationSet, 'names' | 'appliedAt'>) {
  return (tenant: Tenant): PendingMigrations => {
    const version = lastKnownVersion(tenant);
    if (version === versionOf(names)) return 'serve';
    if (version === undefined || appliedAt(version)) return pending;
    const last = lastOf(version);
    return last === undefined || names.includes(last) ? pending : 'serve';
  };
}
