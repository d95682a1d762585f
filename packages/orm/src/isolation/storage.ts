import { TenancyError, type Tenant } from '@omnitenant/core';
import type { OrmPlacement } from '../placement.ts';

/** How one isolation makes and destroys what a tenant's rows are kept in. */
export interface TenantStorage {
  /** Makes it, empty. Fails when something of that name is there: nothing is ever adopted by accident. */
  create(tenant: Tenant): Promise<void>;
  /** Destroys it, if it was made for this tenant; does nothing when it is gone. */
  destroy(tenant: Tenant): Promise<void>;
}

/** The comment that a schema or database bears to say for whom it was made. */
export const ownerMark = (tenant: Tenant): string => `omnitenant: tenant ${tenant.id}`;

/** What PostgreSQL says when there is one of that name. */
const takenCodes = { schema: '42P06', database: '42P04', role: '42710' } as const;

/** Whether making it failed because there is one of that name. */
export const isTaken = (error: unknown, what: keyof typeof takenCodes): boolean =>
  (error as { code?: string }).code === takenCodes[what];

/** The error, or where something of that name was there already, one that says so. */
export const takenOr = (error: unknown, tenant: Tenant, placement: OrmPlacement): unknown => {
  const what = (Object.keys(takenCodes) as (keyof typeof takenCodes)[]).find((kind) => isTaken(error, kind));
  if (!what) return error;
  return new TenancyError(
    'PROVISION_FAILED',
    `The ${what} '${placement[what]}' exists already, and it is not that of the new tenant '${tenant.id}'. Choose another placement, or drop it.`,
    { tenant: tenant.id },
  );
};

/** A refusal to drop what was not made for this tenant. */
export const notOwned = (tenant: Tenant, what: string, name: string): TenancyError =>
  new TenancyError(
    'REMOVE_FAILED',
    `The ${what} '${name}' was not made for the tenant '${tenant.id}', so it is left alone. Drop it by hand if it is to go.`,
    { tenant: tenant.id },
  );
