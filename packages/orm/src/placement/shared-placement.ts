import { TenancyError, type Tenant } from '@omnitenant/core';
import { placementOf } from './placement.ts';

/** The placement of a tenant that shares tables. */
export type SharedPlacement = ReturnType<typeof placementOf> & { readonly role: string; readonly key: string };

/**
 * Reads the placement of a tenant that shares tables.
 *
 * @throws TENANT_INVALID for a tenant of an earlier version, whose tables are protected in another way.
 */
export function sharedPlacement(tenant: Tenant): SharedPlacement {
  const placement = placementOf(tenant);
  const { key, role } = placement;
  if (key !== undefined && role !== undefined) return { ...placement, key, role };
  throw new TenancyError(
    'TENANT_INVALID',
    `The tenant "${tenant.id}" shares tables of an earlier version, which protected them in another way. It is not served ` +
      'until they are taken over, with its rows: run omnitenant take-over.',
    { tenant: tenant.id },
  );
}
