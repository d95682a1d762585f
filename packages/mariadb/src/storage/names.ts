import { createHash } from 'node:crypto';
import { TenancyError, type Tenant } from '@omnitenant/core';
import { incarnationOf, isTenantId } from '@omnitenant/core/extend';

/** The longest name of a database in a grant, where each underscore is escaped. */
const longest = 64;
const digits = 16;

/** How long a name is in a grant. */
export function lengthInGrant(name: string): number {
  return name.length + name.replaceAll(/[^_]/g, '').length;
}

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
  const room = longest - digits - lengthInGrant(application) - lengthInGrant('__');
  return `${application}_${id.slice(0, room)}_${digest}`;
}

/** What the comment of a tenant's database says, by which it is known before it is dropped. */
export function markOf(application: string, tenant: Tenant): string {
  return `omnitenant: tenant ${incarnationOf(tenant)} of ${application}`;
}
