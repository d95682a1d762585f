import type { Tenant } from '@omnitenant/core';
import { incarnationOf, parseIncarnation } from '@omnitenant/core/extend';
import type { Pools } from '../connections/pools.ts';
import type { OrmPlacement } from '../placement/placement.ts';
import type { Database } from '../sql/client.ts';
import { quoteText } from '../sql/quote.ts';

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
  /** On what was made ahead for a tenant that does not exist yet, at a version. */
  ready(version: string): string;
  /** The incarnation that a mark of this application names, of either kind. */
  read(mark: string): ReturnType<typeof parseIncarnation>;
}

export function marksOf({ database }: Database): Marks {
  return {
    owner: (tenant) => `${markPrefix} tenant ${incarnationOf(tenant)} of ${database}`,
    adopted: (tenant) => `${markPrefix} adopted by tenant ${incarnationOf(tenant)} of ${database}`,
    template: `${markPrefix} template of ${database}`,
    ready: (version) => `${markPrefix} ready ${version} of ${database}`,
    read: (mark) => {
      const [, incarnation = '', application] = /^omnitenant: (?:adopted by )?tenant (\S+) of (.*)$/s.exec(mark) ?? [];
      return application === database ? parseIncarnation(incarnation) : undefined;
    },
  };
}

/** Whose the comment on a schema says that it is; `undefined` where there is no such schema. */
export async function markOfSchema(
  pools: Pools,
  placement: OrmPlacement & Database,
): Promise<{ readonly owner?: string } | undefined> {
  const [found] = await pools.query(
    placement,
    `select obj_description(oid, 'pg_namespace') as owner from pg_namespace where nspname = ${quoteText(placement.schema)}`,
  );
  return found;
}
