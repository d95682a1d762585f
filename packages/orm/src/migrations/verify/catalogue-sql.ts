import { quoteText } from '../../sql/quote.ts';

/** The schemas of one database that are read. */
export interface CatalogueTarget {
  readonly schemas: readonly string[];
  /** The table that logs the migrations, which is not among the tables. */
  readonly logTable: string;
  /** The schema of extensions, whose name is left out as the tenant's own is. */
  readonly extensions: string;
  /** The version of PostgreSQL, such as 15. */
  readonly version: number;
}

/**
 * SQL for a fingerprint of each schema, in two parts, so that a server uses two processors. Schemas of one database with the same fingerprint have the
 * same catalogue. Those with another may have the same, too: it has columns by their numbers, and expressions as they are stored, because PostgreSQL
 * takes three times as long to write them out.
 */
export function fingerprintSql(target: CatalogueTarget): readonly [string, string] {
  return [hashSql(target, storedColumns), hashSql(target, [...few, ...storedKeys(target.version)])];
}

/**
 * SQL for a digest of each schema: those with the same catalogue, and no others, have the same, in whatever database. Names of their own schemas are
 * left out.
 */
export function digestSql(target: CatalogueTarget): string {
  return hashSql(target, [...few, ...written]);
}

/** SQL for all that is in the schemas, as PostgreSQL writes it out. */
export function itemsSql(target: CatalogueTarget): string {
  return `${settings(target)}${within(target)} select nspname as schema, kind, name, coalesce(text, '') as text
    from (${[...few, ...written].join(union)}) as items join s using (ns)`;
}

/** SQL for the names of those schemas that have a log of migrations. */
export function loggedSql(schemas: readonly string[], logTable: string): string {
  return `select nspname as schema from pg_catalog.pg_class join pg_catalog.pg_namespace n on n.oid = relnamespace
    where relname = ${quoteText(logTable)} and relkind = 'r' and nspname = any(array[${listOf(schemas)}]::name[])`;
}

function listOf(names: readonly string[]): string {
  return names.map(quoteText).join(', ');
}

/** The items are hashed one by one, and the hashes joined in any order, because sorting them would take longer. */
function hashSql(target: CatalogueTarget, items: readonly string[]): string {
  return `${settings(target)}${within(target)},
    hashed as (select ns, hashtextextended(line, 0) as one, hashtextextended(line, 1) as two from (
      select ns, concat_ws(' ', kind, name, text) as line from (${items.join(union)}) as items (ns, kind, name, text) offset 0) as lines),
    joined as (select ns, concat_ws('.', count(*), bit_xor(one), bit_xor(two)) as digest from hashed group by ns)
    select nspname as schema, coalesce(digest, '') as digest from s left join joined using (ns)`;
}

const union = '\nunion all\n';

/**
 * Where statistics of the catalogue are missing or old, as after many tenants were made, PostgreSQL would loop over all columns for each of thousands
 * of tables, and read the catalogue of all tenants for a few tables.
 */
function settings({ schemas }: CatalogueTarget): string {
  const joins =
    schemas.length > fewSchemas
      ? 'set local enable_nestloop to off; set local enable_mergejoin to off; '
      : 'set local enable_hashjoin to off; set local enable_mergejoin to off; set local enable_seqscan to off; ';
  return `set local search_path to pg_catalog; set local jit to off; ${joins}set local work_mem to '64MB';\n`;
}

/** So many are looked up one by one. */
const fewSchemas = 20;

function within({ schemas, logTable, extensions }: CatalogueTarget): string {
  const log = [logTable, `${logTable}_id_seq`].map(quoteText).join(', ');
  return `with s as materialized (select oid as ns, nspname, quote_ident(nspname) || '.' as prefix from pg_namespace
      where nspname = any(array[${listOf(schemas)}]::name[])),
    x as materialized (select quote_ident(${quoteText(extensions)}) || '.' as extensions),
    e as materialized (select classid, objid from pg_depend
      where refclassid = 'pg_extension'::regclass and deptype = 'e'),
    r as materialized (select c.oid, s.ns, s.prefix, relname, relkind, relpersistence, relrowsecurity, relforcerowsecurity, reloptions, relacl, relowner
      from pg_class c join s on s.ns = relnamespace
      where relkind in ('r', 'p', 'v', 'm', 'S', 'f') and not relispartition and relname not in (${log})
      and not exists (select from e where classid = 'pg_class'::regclass and objid = c.oid))`;
}

/** SQL for what PostgreSQL writes, without the names of the tenant's own schema and of that of extensions. */
function unqualified(text: string): string {
  return `replace(replace(${text}, prefix, ''), (select extensions from x), '')`;
}

/** SQL for what there are few of. What an extension has made, and the partitions of a table, are not read. */
const few: readonly string[] = [
  `select ns, case relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' else 'table' end as kind,
     relname::text as name, concat_ws(', ', case relpersistence when 'u' then 'unlogged' end,
       case when relkind in ('v', 'm') then ${unqualified('pg_get_viewdef(oid)')} end, case relkind when 'p' then pg_get_partkeydef(oid) end,
       case when relrowsecurity then 'row-level security' end, case when relforcerowsecurity then 'forced' end, reloptions::text) as text from r where relkind <> 'S'`,
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
     from r, aclexplode(relacl) where relacl is not null and grantee <> relowner group by ns, relname, grantee`,
];

/** SQL for columns, sequences, indexes and constraints, as PostgreSQL writes them out. */
const written: readonly string[] = [
  `select ns, 'sequence', relname, concat_ws(' ', format_type(seqtypid, null), 'by ' || seqincrement, 'from ' || seqmin, 'to ' || seqmax, 'cache ' || seqcache, case when seqcycle then 'cycle' end)
     from r join pg_sequence on seqrelid = r.oid`,
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
];

/** A type's number; for one of the tenant's own, which has another number in each schema, its name. Those that PostgreSQL has made are below 16384. */
const storedType = `case when atttypid < 16384 then atttypid::text
  else (select case when typnamespace = ns then quote_ident(typname) else atttypid::text end from pg_type where oid = atttypid) end`;

/** SQL for an expression as it is stored, without its offset in the message that created it, which depends on the length of the schema's name. */
function unlocated(text: string): string {
  return `regexp_replace(${text}, ':location \\d+', '', 'g')`;
}

/**
 * A default, without the number of the one own sequence in it. Among several constants, it is the one of type `regclass` (2205); where there are more
 * of that type, nothing is left out.
 */
const storedDefault = `case when of.name is null then adbin::text
  when adbin::text not like '%:constvalue %:constvalue %' then concat_ws(' ', of.name, split_part(adbin::text, ' [ ', 1), split_part(adbin::text, ' ]', 2))
  when adbin::text like '%:consttype 2205 %:consttype 2205 %' then adbin::text
  else of.name || regexp_replace(adbin::text, ':consttype 2205 [^}]*}', '') end`;

/** SQL for columns as the catalogue has them. A table's columns are read by its number, because most columns are of indexes and the like. */
const storedColumns: readonly string[] = [
  `select ns, 'columns', relname, (select string_agg(concat_ws(' ', attnum, quote_ident(attname), ${storedType}, atttypmod, attcollation, attnotnull, attidentity, attgenerated), ', ')
         from (select * from pg_attribute where attrelid = r.oid and attnum > 0 and not attisdropped order by attnum) as a)
       from r where relkind <> 'S'`,
  // A default is hashed before it is joined, because a join would copy all of them.
  `select ns, 'default', relname, concat_ws(' ', adnum, one, two)
       from (select adrelid, adnum, hashtextextended(text, 0) as one, hashtextextended(text, 1) as two from (
         select adrelid, adnum, case when strpos(replace(text, ':location -1', ''), ':location ') = 0 then text else ${unlocated('text')} end as text from (
           select adrelid, adnum, ${storedDefault} as text from pg_attrdef d
           left join (select objid, min(quote_ident(relname)) as name from pg_depend join r on r.oid = refobjid
             where classid = 'pg_attrdef'::regclass and refclassid = 'pg_class'::regclass and refobjsubid = 0 and relkind = 'S'
             group by objid having count(*) = 1) as of on of.objid = d.oid where adrelid in (select oid from r) offset 0) as located offset 0) as texts offset 0) as d join r on r.oid = adrelid`,
];

/** SQL for sequences, indexes and constraints as the catalogue has them. */
function storedKeys(version: number): readonly string[] {
  return [
    `select ns, 'sequence', relname, concat_ws(' ', seqtypid, seqincrement, seqmin, seqmax, seqcache, seqcycle) from r join pg_sequence on seqrelid = r.oid`,
    `select ns, 'index', i.relname, concat_ws(' ', quote_ident(r.relname), i.relam, indnkeyatts, indkey, indclass, indcollation, indoption, indisunique, indisprimary,
         indisvalid, i.reloptions, ${unlocated('indpred::text')}, ${unlocated('indexprs::text')}${version < 15 ? '' : ', indnullsnotdistinct'})
       from pg_index join r on r.oid = indrelid join pg_class i on i.oid = indexrelid and i.relkind in ('i', 'I') and i.relnamespace <> 'pg_toast'::regnamespace`,
    `select r.ns, 'constraint', conname, concat_ws(' ', quote_ident(r.relname), contype, conkey, coalesce(quote_ident(f.relname), confrelid::regclass::text), confkey, confupdtype,
         confdeltype, confmatchtype, condeferrable, condeferred, convalidated, connoinherit, conexclop, ${unlocated('conbin::text')}${version < 15 ? '' : ', confdelsetcols'}${version < 18 ? '' : ', conperiod, conenforced'})
       from pg_constraint k join r on r.oid = conrelid left join r as f on f.oid = confrelid where contype <> 'n'`,
  ];
}
