import { TenancyError, type Tenant } from '@omnitenant/core';
import type { Pools } from '../connections/pools.ts';
import type { OrmPlacement } from '../placement/placement.ts';
import { quoteName, quoteText } from '../sql/quote.ts';

/**
 * Refuses to drop a tenant's schema while something outside of it depends on it, such as a view in central over all tenants:
 * `drop schema … cascade` would drop that as well.
 *
 * @throws REMOVE_FAILED
 */
export async function refuseOutsideDependents(pools: Pools, placement: OrmPlacement, tenant: Tenant): Promise<void> {
  const found = await pools.query(placement, outsideDependents(placement.schema));
  if (found.length === 0) return;
  const names = found.map(({ name }) => name).join(', ');
  throw new TenancyError(
    'REMOVE_FAILED',
    `The schema "${placement.schema}" of tenant "${tenant.id}" cannot be dropped, because objects outside of it depend on it: ${names}. ` +
      'Drop or change them, and remove the tenant again.',
    { tenant: tenant.id },
  );
}

/** Temporary objects are left out: their session ends before the schema matters to it. */
function outsideDependents(schema: string): string {
  const namespace = `to_regnamespace(${quoteText(quoteName(schema))})`;
  return `with inside as (
    select oid, 'pg_class'::regclass as class from pg_class where relnamespace = ${namespace}
    union all select oid, 'pg_type'::regclass from pg_type where typnamespace = ${namespace}
    union all select oid, 'pg_proc'::regclass from pg_proc where pronamespace = ${namespace}
  ), dependents as (
    select d.classid, d.objid, d.objsubid, coalesce(
      (select c.relnamespace from pg_rewrite r join pg_class c on c.oid = r.ev_class where d.classid = 'pg_rewrite'::regclass and r.oid = d.objid),
      (select c.relnamespace from pg_attrdef a join pg_class c on c.oid = a.adrelid where d.classid = 'pg_attrdef'::regclass and a.oid = d.objid),
      (select c.relnamespace from pg_trigger t join pg_class c on c.oid = t.tgrelid where d.classid = 'pg_trigger'::regclass and t.oid = d.objid),
      (select c.relnamespace from pg_policy p join pg_class c on c.oid = p.polrelid where d.classid = 'pg_policy'::regclass and p.oid = d.objid),
      (select connamespace from pg_constraint where d.classid = 'pg_constraint'::regclass and oid = d.objid),
      (select relnamespace from pg_class where d.classid = 'pg_class'::regclass and oid = d.objid),
      (select pronamespace from pg_proc where d.classid = 'pg_proc'::regclass and oid = d.objid),
      (select typnamespace from pg_type where d.classid = 'pg_type'::regclass and oid = d.objid)) as namespace
    from inside i cross join lateral (
      select * from pg_depend where refclassid = i.class and refobjid = i.oid offset 0
    ) as d
  )
  select distinct pg_describe_object(classid, objid, objsubid) as name from dependents
  where namespace <> ${namespace} and not pg_is_other_temp_schema(namespace) and namespace <> pg_my_temp_schema()
    and namespace <> 'pg_toast'::regnamespace
  order by name limit 5`;
}
