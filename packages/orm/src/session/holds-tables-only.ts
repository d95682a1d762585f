import { verifiedTenant, writingTenant } from '../placement/shared-tables.ts';
import { quoteText } from '../sql/quote.ts';

/**
 * SQL for whether a schema holds nothing that runs when one of its tables is read, and what tells the types of its columns. A function of a trigger
 * runs when rows are written: PostgreSQL refuses to call it otherwise. What it holds is found by what depends on it: the catalogues have no
 * indexes by schemas, and are as long as there are tenants.
 */
export function holdsTablesOnly(schema: string): string {
  const ofSchema = (catalogue: string) => `select objid from pg_depend
    where refclassid = 'pg_namespace'::regclass and refobjid = n.oid and classid = '${catalogue}'::regclass`;
  return `select not exists (select from pg_proc where oid = any (array(${ofSchema('pg_proc')}))
      and proname not in ('${verifiedTenant}', '${writingTenant}') and prorettype not in ('trigger'::regtype, 'event_trigger'::regtype))
    and not exists (select from pg_policy where polrelid = any (relations) and polname !~ '^omnitenant')
    and not exists (${ofSchema('pg_operator')})
    and not exists (select from pg_class where oid = any (relations) and relkind not in ('r', 'p', 'i', 'I', 'S', 't', 'c'))
    and not exists (select from pg_rewrite where ev_class = any (relations))
    as plain, (select md5(string_agg(attrelid || ' ' || attnum || ' ' || atttypid, ',' order by attrelid, attnum)) from pg_attribute
      join pg_class c on c.oid = attrelid where attrelid = any (relations) and relkind in ('r', 'p') and attnum > 0) as columns
    from pg_namespace n, lateral (select array(${ofSchema('pg_class')}) as relations offset 0) r where nspname = ${quoteText(schema)}`;
}
