import { createHash } from 'node:crypto';
import { TenancyError, type Tenant } from '@omnitenant/core';
import { incarnationOf, isTenantId } from '@omnitenant/core/extend';

/** The longest name of a database in MariaDB. */
const longest = 64;
const digits = 16;

/**
 * The name of a tenant's database, and of its user. It is that of the incarnation, so that a successor of the same id has others. What
 * tells two apart is the digest, because a long id is shortened.
 *
 * @throws TENANT_INVALID for a record whose id is none.
 */
export function nameOf(application: string, tenant: Tenant): string {
  const { id, createdAt } = tenant;
  if (!isTenantId(id) || !Number.isSafeInteger(createdAt.getTime())) {
    const message = 'The record of a tenant has an id or a time of creation that names no database.';
    throw new TenancyError('TENANT_INVALID', message);
  }
  const digest = createHash('sha256').update(markOf(application, tenant)).digest('hex').slice(0, digits);
  const label = `${application}_${id}`.slice(0, longest - digits - 1);
  return `${label}_${digest}`;
}

/** What the comment of a tenant's database says, by which it is known before it is dropped. */
export function markOf(application: string, tenant: Tenant): string {
  return `omnitenant: tenant ${incarnationOf(tenant)} of ${application}`;
}
