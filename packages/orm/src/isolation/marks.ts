import type { Tenant } from '@omnitenant/core';
import { incarnationOf } from '@omnitenant/core/extend';
import type { Database } from '../sql/client.ts';

/** The first letters of all comments of this package, of whichever application. */
export const markPrefix = 'omnitenant:';

/**
 * The comments that say whose storage is, on schemas, databases and roles. They name the application, by its central database, and the
 * incarnation: only storage that bears exactly this mark is dropped.
 */
export interface Marks {
  /** On what was created for the tenant. */
  owner(tenant: Tenant): string;
  /** On what existed before its tenant, and stays when the tenant is removed. */
  adopted(tenant: Tenant): string;
  /** On databases that tenants' databases are copied from. */
  readonly template: string;
}

export function marksOf({ database }: Database): Marks {
  return {
    owner: (tenant) => `${markPrefix} tenant ${incarnationOf(tenant)} of ${database}`,
    adopted: (tenant) => `${markPrefix} adopted by tenant ${incarnationOf(tenant)} of ${database}`,
    template: `${markPrefix} template of ${database}`,
  };
}
