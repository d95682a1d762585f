import { UsageError } from '../terminal/failure.ts';
import type { PostgreSqlPart, TenantOrm } from './config.ts';

/** @throws UsageError if the application's tenants are not on PostgreSQL. */
export function postgreSqlPart<Part extends PostgreSqlPart>(orm: TenantOrm, part: Part): NonNullable<TenantOrm[Part]> {
  const found = orm[part];
  if (found) return found;
  throw new UsageError(
    "This command is for tenants on PostgreSQL. This application's tenants are on another database.",
  );
}
