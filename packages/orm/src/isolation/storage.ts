import { TenancyError, type Tenant } from '@omnitenant/core';
import { lastKnownVersion } from '../central/stored-tenant.ts';
import type { OrmPlacement } from '../placement/placement.ts';
import type { Database } from '../sql/client.ts';

/** How one isolation makes and destroys what a tenant's rows are kept in. */
export interface TenantStorage {
  /**
   * Makes it: with the contents where they are known, which it says, else empty. Fails when something of that name is there:
   * nothing is ever adopted by accident.
   */
  create(tenant: Tenant, contents?: Contents): Promise<Made>;
  /** Marks what is there already as the tenant's, if it is nobody's. */
  adopt(tenant: Tenant): Promise<void>;
  /** Destroys it, if it was made for this tenant, or gives it back, if it was adopted; does nothing when it is gone. */
  destroy(tenant: Tenant): Promise<void>;
}

/** How far a new tenant's storage is: empty, with its contents, or with them written down in central as well. */
export type Made = 'empty' | 'filled' | 'recorded';

/** What a new tenant begins with: all of the application's migrations, as SQL that is the same for each tenant. */
export interface Contents {
  /** Tells it from any other contents. */
  readonly digest: string;
  readonly statements: readonly string[];
  /** The statement that writes the version down in central's database. */
  readonly record: (tenant: Tenant) => string;
}

/** Whether a message to one is a message to the other. */
export function isSame(one: Database, other: Database): boolean {
  return one.server === other.server && one.database === other.database && one.url === other.url;
}

/** The comment that a schema or database bears to say for whom it was made. */
export function ownerMark(tenant: Tenant): string {
  return `omnitenant: tenant ${tenant.id}`;
}

/** The comment on one that was there before its tenant, and stays when that goes. */
export function adoptedMark(tenant: Tenant): string {
  return `omnitenant: adopted by tenant ${tenant.id}`;
}

/** What PostgreSQL says when there is one of that name. */
const takenCodes = { schema: '42P06', database: '42P04', role: '42710' } as const;

/** Whether making it failed because there is one of that name. */
export function isTaken(error: unknown, what: keyof typeof takenCodes): boolean {
  return (error as { code?: string }).code === takenCodes[what];
}

/** The error, or where something of that name was there already, one that says so. */
export function takenOr(error: unknown, tenant: Tenant, placement: OrmPlacement): unknown {
  const what = (Object.keys(takenCodes) as (keyof typeof takenCodes)[]).find((kind) => isTaken(error, kind));
  if (!what) return error;
  return new TenancyError(
    'PROVISION_FAILED',
    `The ${what} '${placement[what]}' exists already, and it is not that of the new tenant '${tenant.id}'. Choose another placement, ${what === 'role' ? '' : 'adopt it, '}or drop it.`,
    { tenant: tenant.id },
  );
}

/** Whether it is there and nobody's. What an adoption that failed has left its mark on is still for the same tenant to have. */
export function isAdoptable(found: { readonly owner?: string } | undefined, tenant: Tenant): boolean {
  return found !== undefined && (!found.owner?.startsWith('omnitenant:') || found.owner === adoptedMark(tenant));
}

/** A refusal to adopt what is not there, or is somebody's. */
export function notAdoptable(tenant: Tenant, what: string, name: string, owner: unknown): TenancyError {
  return new TenancyError(
    'PROVISION_FAILED',
    `The ${what} '${name}' cannot be adopted by the tenant '${tenant.id}': ${owner ? 'it belongs to another tenant' : 'it is not there'}. Name another placement.`,
    { tenant: tenant.id },
  );
}

/**
 * Leaves alone what was not made for this tenant. Where the tenant has never had storage, as its making was cut short, that
 * is all; else somebody has to see what became of it.
 *
 * @throws REMOVE_FAILED
 */
export function leaveAlone(tenant: Tenant, what: string, name: string): void {
  if (lastKnownVersion(tenant) === undefined) return;
  throw new TenancyError(
    'REMOVE_FAILED',
    `The ${what} '${name}' was not made for the tenant '${tenant.id}', so it is left alone. Drop it by hand if it is to go.`,
    { tenant: tenant.id },
  );
}
