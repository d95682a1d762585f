import { TenancyError, type Tenant } from '@omnitenant/core';
import { lastKnownVersion } from '../central/stored-tenant.ts';
import type { MigrationSet } from './migration-set.ts';
import { lastOf, versionOf } from './version.ts';

/** What becomes of a tenant that has not got all of the code's migrations yet. */
export type Serving = 'serve' | 'read-only' | 'refuse';

/**
 * Says how a tenant may be served. One that a newer code has migrated already is not behind; one whose migrations are not
 * known is.
 */
export function servingOf(behind: Serving, { names, appliedAt }: Pick<MigrationSet, 'names' | 'appliedAt'>) {
  return (tenant: Tenant): Serving => {
    const version = lastKnownVersion(tenant);
    if (version === versionOf(names)) return 'serve';
    if (version === undefined || appliedAt(version)) return behind;
    const last = lastOf(version);
    return last === undefined || names.includes(last) ? behind : 'serve';
  };
}

/** The refusal of a tenant that is behind; callers are told to try again in a while. */
export function tenantBehind(tenant: string, cause?: unknown): TenancyError {
  return new TenancyError(
    'TENANT_BEHIND',
    `The tenant '${tenant}' has not got all of the migrations of this code${cause ? ', and is read-only until then' : ''}. Migrate it: omnitenant migrate ${tenant}.`,
    { tenant, headers: { 'Retry-After': '30' }, ...(cause !== undefined && { cause }) },
  );
}
