import { quoteText } from '../../sql/quote.ts';

/** The schemas of one database that are read. */
export interface CatalogueTarget {
  readonly schemas: readonly string[];
  /** The table that logs the migrations, which is not among the tables. */
  readonly logTable: string;
  /** The schema of extensions, whose name is left out as the tenant's own is. */
  readonly extensions: string;
}

/**
 * SQL for a digest of each schema, whose names are left out, so that schemas with the same catalogue have the same digest. It is the same in
 * whatever order PostgreSQL finds the items, which are therefore not sorted.
 */
export function digestSql(target: CatalogueTarget): string {
  return `${settings}${within(target)},
    hashed as (select ns, hashtextextended(line, 0) as one, hashtextextended(line, 1) as two from (
      select ns, concat_ws(' ', kind, name, text) as line from (${items}) as items) as lines)
    select nspname as schema, concat_ws('.', count(one), bit_xor(one), bit_xor(two)) as digest,
      exists (select from pg_class where relnamespace = ns and relname = ${quoteText(target.logTable)} and relkind = 'r') as logged
    from s left join hashed using (ns) group by nspname, ns`;
}

/** SQL for all that is in the schemas, as PostgreSQL writes it out. */
export function itemsSql(target: CatalogueTarget): string {
  return `${settings}${within(target)} select nspname as schema, kind, name, coalesce(text, '') as text
    from (${items}) as items join s using (ns)`;
}

const settings = `set local search_path to pg_catalog; set local jit to off; set local work_mem to '64MB';\n`;

function within({ schemas, logTable, extensions }: CatalogueTarget): string {
  const log = [logTable, `${logTable}_id_seq`].map(quoteText).join(', ');
  return `with s as materialized (select oid as ns, nspname, quote_ident(nspname) || '.' as prefix from pg_namespace
      where nspname = any(array[${schemas.map(quoteText).join(', ')}]::name[])),
    x as materialized (select quote_ident(${quoteText(extensions)}) || '.' as extensions),
    e as materialized (select classid, objid from pg_depend where deptype = 'e'),
    r as materialized (select c.oid, s.ns, s.prefix, relname, relkind, relpersistence, relrowsecurity, relforcerowsecurity, reloptions, relacl, relowner
      from pg_class c join s on s.ns = relnamespace
      where relkind in ('r', 'p', 'v', 'm', 'S', 'f') and not relispartition and relname not in (${log})
      and not exists (select from e where classid = 'pg_class'::regclass and objid = c.oid))`;
}

/** SQL for what PostgreSQL writes, without the names of the tenant's own schema and of that of extensions. */
function unqualified(text: string): string {
  return `replace(replace(${text}, prefix, ''), (select extensions from x), '')`;
}

/** SQL for what is in the schemas, of each kind. What an extension has made, and the partitions of a table, are not read. */
const items = [
  `select ns, case relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' else 'table' end as kind,
     relname::text as name, concat_ws(', ', case relpersistence when 'u' then 'unlogged' end,
       case when relkind in ('v', 'm') then ${unqualified('pg_get_viewdef(oid)')} end, case relkind when 'p' then pg_get_partkeydef(oid) end,
       case when relrowsecurity then 'row-level security' end, case when relforcerowsecurity then 'forced' end, reloptions::text) as text from r where relkind <> 'S'`,
  `select ns, 'sequence', relname, concat_ws(' ', format_type(seqtypid, null), 'by ' || seqincrement, 'from ' || seqmin, 'to ' || seqmax, 'cache ' || seqcache, case when seqcycle then 'cycle' end)
     from r join pg_sequence on seqrelid = r.oid`,
  `select ns, 'type', typname, case typtype
       when 'e' then 'enum ' || (select string_agg(quote_literal(enumlabel), ', ' order by enumsortorder) from pg_enum where enumtypid = t.oid)
       when 'd' then concat_ws(' ', ${unqualified('format_type(typbasetype, typtypmod)')}, case when typnotnull then 'not null' end, 'default ' || ${unqualified('typdefault')},
         (select string_agg(${unqualified('pg_get_constraintdef(k.oid)')}, ' ' order by conname) from pg_constraint k where contypid = t.oid and contype <> 'n'))
       else typtype::text || ' ' || (select string_agg(attname || ' ' || ${unqualified('format_type(atttypid, atttypmod)')}, ', ' order by attnum) from pg_attribute where attrelid = typrelid and not attisdropped) end
     from pg_type t join s on s.ns = typnamespace
     where (typtype in ('e', 'd', 'r') or typtype = 'c' and exists (select from pg_class where oid = typrelid and relkind = 'c'))
     and not exists (select from e where classid = 'pg_type'::regclass and objid = t.oid)`,
  `select ns, 'function', proname || '(' || ${unqualified('pg_get_function_identity_arguments(f.oid)')} || ')',
       case prokind when 'a' then 'aggregate ' || ${unqualified('pg_get_function_result(f.oid)')} else ${unqualified('pg_get_functiondef(f.oid)')} end
     from pg_proc f join s on s.ns = pronamespace where not exists (select from e where classid = 'pg_proc'::regclass and objid = f.oid)`,
  `select ns, 'trigger', relname || '.' || tgname, ${unqualified('pg_get_triggerdef(t.oid)')} || case tgenabled when 'O' then '' else ' ' || tgenabled::text end
     from pg_trigger t join r on r.oid = tgrelid where not tgisinternal`,
  `select ns, 'rule', relname || '.' || rulename, ${unqualified('pg_get_ruledef(w.oid)')} from pg_rewrite w join r on r.oid = ev_class where rulename <> '_RETURN'`,
  `select ns, 'policy', relname || '.' || polname, concat_ws(' ', case when polpermissive then 'permissive' else 'restrictive' end, polcmd,
       (select string_agg(case role when 0 then 'public' else role::regrole::text end, ', ' order by role) from unnest(polroles) as role),
       ${unqualified('pg_get_expr(polqual, polrelid)')}, 'check ' || ${unqualified('pg_get_expr(polwithcheck, polrelid)')})
     from pg_policy join r on r.oid = polrelid`,
  `select ns, 'grant', relname || ' to ' || case grantee when 0 then 'public' else grantee::regrole::text end, string_agg(lower(privilege_type), ', ' order by privilege_type)
     from r, aclexplode(relacl) where grantee <> relowner group by ns, relname, grantee`,
  `select ns, 'column', relname || '.' || attname, concat_ws(' ', ${unqualified('format_type(atttypid, atttypmod)')},
       case when attcollation <> typcollation then 'collate ' || attcollation::regcollation::text end, case when attnotnull then 'not null' end,
       case attgenerated when 's' then 'generated' when 'v' then 'generated virtually' else 'default' end || ' ' || ${unqualified('pg_get_expr(adbin, adrelid)')},
       case attidentity when 'a' then 'generated always as identity' when 'd' then 'generated by default as identity' end)
     from r join pg_attribute a on attrelid = r.oid join pg_type t on t.oid = atttypid left join pg_attrdef on adrelid = r.oid and adnum = attnum
     where relkind <> 'S' and attnum > 0 and not attisdropped`,
  `select ns, 'index', r.relname || '.' || i.relname, ${unqualified('pg_get_indexdef(indexrelid)')} || case when indisvalid then '' else ', invalid' end
     from pg_index join r on r.oid = indrelid join pg_class i on i.oid = indexrelid
     where not exists (select from pg_constraint where conindid = indexrelid and conrelid = indrelid and contype in ('p', 'u', 'x'))`,
  `select ns, 'constraint', relname || '.' || conname, ${unqualified('pg_get_constraintdef(k.oid)')}
     from pg_constraint k join r on r.oid = conrelid where contype <> 'n'`,
].join('\nunion all\n');
