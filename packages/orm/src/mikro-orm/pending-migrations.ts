import { TenancyError } from '@omnitenant/core';

/** How to serve a tenant with pending migrations. */
export type PendingMigrations = 'serve' | 'read-only' | 'refuse';

/** Refuses a tenant that has pending migrations; `cause` is PostgreSQL's refusal of a write in a read-only one. */
export function migrationsPending(tenant: string, cause?: unknown): TenancyError {
  const readOnly = cause === undefined ? '' : ' and is read-only until they are applied';
  return new TenancyError(
    'MIGRATIONS_PENDING',
    `Tenant "${tenant}" has pending migrations${readOnly}. Migrate it: omnitenant migrate ${tenant}.`,
    { tenant, cause },
  );
}
