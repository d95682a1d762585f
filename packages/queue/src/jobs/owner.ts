import { TenancyError } from '@omnitenant/core';
import { currentScope, incarnationOf } from '@omnitenant/core/extend';

/**
 * Identifies the owner of a job: an incarnation of a tenant (`acme@1767225600000`), `central`, or `*` for a schedule for all
 * tenants.
 */
export type Owner = string;

export const central: Owner = 'central';
export const eachTenant: Owner = '*';

/** Whether the owner is a tenant, rather than central or each tenant. */
export function isTenant(owner: Owner | undefined): owner is Owner {
  return owner?.includes('@') === true;
}

/** The owner of the current scope, or `undefined` outside all scopes. */
export function currentOwner(): Owner | undefined {
  const scope = currentScope();
  if (scope === undefined) return undefined;
  return scope.kind === 'central' ? central : incarnationOf(scope.tenant);
}

/** The error for adding a job outside all scopes. */
export function outsideScope(queue: string): TenancyError {
  const message = `A job was added to the queue "${queue}" outside a scope; add it in tenancy.run(), or in tenancy.central() if it belongs to no tenant.`;
  return new TenancyError('OUTSIDE_SCOPE', message);
}

/** The error for using a job or schedule from a scope that does not own it. */
export function crossTenant(what: string): TenancyError {
  return new TenancyError('CROSS_TENANT', `${what}; enter the scope that owns it.`);
}
