import { centralSchema } from '../../entities/entity-scope.ts';
import type { OrmPlacement } from '../../placement/placement.ts';
import { formerTenants, rowRoles, tenantColumn, verifiedTenant, writingTenant } from '../../placement/shared-tables.ts';
import { isOfExtension } from '../../sql/extensions.ts';
import { quoteText } from '../../sql/quote.ts';
import { markPrefix } from '../marks.ts';

/** What PostgreSQL's catalogue says of a shared schema: everything that keeps its tenants apart. */
export interface Catalogue {
  readonly schemaOwner: string;
  readonly mark: string | null;
  /** What the policy and the default say that the others are compared with, on the table of former tenants. */
  readonly reference: {
    readonly using: string;
    readonly check: string;
    readonly default: string;
    /** Whether it calls the function that verifies the tenant, and the one that refuses what a removed tenant writes. */
    readonly verifies: boolean;
    readonly refusesRemoved: boolean;
  } | null;
  /** The functions that the policies call, by name. */
  readonly ownFunctions: Readonly<Record<string, OwnFunctionFacts>>;
  /** What is wrong with the roles, in words, and the SQL that puts it right. */
  readonly roleFaults: readonly { readonly fault: string; readonly sql: string; readonly open: boolean }[];
  readonly relations: readonly Relation[];
  readonly keys: readonly Key[];
  readonly functions: readonly RowFunction[];
  /** Views elsewhere that read the schema's tables with the rights of their owner, and that tenants may read. */
  readonly outsideViews: readonly string[];
  /** Default privileges that would give tenants what is made in the schema next. */
  readonly defaults: readonly { readonly role: string; readonly fault: string; readonly sql: string }[];
}

export interface OwnFunctionFacts {
  readonly source: string;
  readonly owned: boolean;
  readonly executable: boolean;
  readonly language: string;
  readonly definer: boolean;
  /** As in pg_proc. */
  readonly volatility: string;
  readonly parallel: string;
  readonly config: readonly string[] | null;
  readonly returns: string;
}

export interface Relation {
  readonly oid: number;
  /** With its schema, quoted. */
  readonly name: string;
  readonly relname: string;
  /** As in pg_class: a table `r`, partitioned table `p`, view `v`, materialized view `m`, foreign table `f`, sequence `S`. */
  readonly kind: 'r' | 'p' | 'v' | 'm' | 'f' | 'S';
  readonly owned: boolean;
  readonly rowSecurity: boolean;
  readonly forced: boolean;
  readonly isPartition: boolean;
  readonly invoker: boolean;
  readonly rules: number;
  readonly tenant: TenantColumn | null;
  /** Whether an index finds a tenant's rows. */
  readonly indexed: boolean;
  readonly policies: readonly Policy[];
  /** What the tenants' role may do with it, however it came by the right. */
  readonly granted: readonly string[];
  /** The same of the role that changes rows. */
  readonly changes: readonly string[];
}

interface TenantColumn {
  readonly type: string;
  readonly notNull: boolean;
  /** Whether its default is that of the reference. */
  readonly isFilled: boolean;
}

export interface Policy {
  readonly name: string;
  readonly permissive: boolean;
  /** As in pg_policy: `r` select, `a` insert, `w` update, `d` delete, `*` all. */
  readonly command: 'r' | 'a' | 'w' | 'd' | '*';
  /** Whether it says what the reference says. */
  readonly isReference: boolean;
  /** Whether it applies to the tenants' role, and to the role that changes rows. */
  readonly forTenants: boolean;
  readonly forChanges: boolean;
}

export interface Key {
  readonly table: number;
  readonly name: string;
  /** Primary key, unique, exclusion and foreign key constraints, and unique indexes that are no constraint's (`i`). */
  readonly kind: 'p' | 'u' | 'x' | 'f' | 'i';
  readonly definition: string;
  /** Quoted; null where it is an expression. */
  readonly columns: readonly (string | null)[];
  readonly hasTenant: boolean;
  readonly partial: boolean;
  /** Whether a column of it gets a value that nobody else has: of a sequence, or a uuid. */
  readonly generated: boolean;
  /** The table that a foreign key refers to, as `definition` names it, and its columns. */
  readonly target: number | null;
  readonly targetName: string | null;
  readonly targetColumns: readonly string[] | null;
}

export interface RowFunction {
  readonly name: string;
  readonly definer: boolean;
  /** Whether it belongs to the role that changes rows. Where it is security definer too, policies bind it whoever calls it. */
  readonly ofChanges: boolean;
  /** Whether a foreign key's action calls it, which PostgreSQL runs as the owner of the tables. */
  readonly inActions: boolean;
  /** Whether the owner of the tables may alter it. */
  readonly owned: boolean;
  readonly executable: boolean;
}

/**
 * The one query that reads it all. It needs the schema and its roles to be there, and waits for no lock: PostgreSQL would take one on a
 * table to write down what its policy says, so trees are compared with that of a table which no migration touches.
 */
export function catalogueQuery(placement: OrmPlacement): string {
  const schema = quoteText(placement.schema);
  const { tenants, owner, changes, login } = rowRoles(placement);
  const can = (role: string, rights: readonly string[], test: string) =>
    `array(select p from unnest(array[${rights.map(quoteText).join(', ')}]) p where ${test.replaceAll('$role', quoteText(role))})`;
  const onTable = `has_table_privilege($role, c.oid, p) or
    case when p in ('select', 'insert', 'update', 'references') then has_any_column_privilege($role, c.oid, p) else false end`;
  const rights = (role: string) =>
    `case when c.relkind = 'S' then ${can(role, ['usage', 'select', 'update'], 'has_sequence_privilege($role, c.oid, p)')}
      else ${can(role, ['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger'], onTable)} end`;
  const applies = (role: string) =>
    `(0 = any (p.polroles) or exists (select from unnest(p.polroles) r where r <> 0 and pg_has_role(${quoteText(role)}, r, 'member')))`;
  const columnsOf = (table: string, numbers: string) =>
    `(select json_agg(quote_ident(a.attname) order by x.n) from unnest(${numbers}) with ordinality x(num, n)
      left join pg_attribute a on a.attrelid = ${table} and a.attnum = x.num and x.num > 0)`;
  const hasTenant = (table: string, numbers: string) =>
    `exists (select from pg_attribute a where a.attrelid = ${table} and a.attname = '${tenantColumn}' and a.attnum = any (${numbers}))`;
  const tree = (node: string, attribute: string) =>
    `regexp_replace(regexp_replace(${node}::text, ' :(location|stmt_location|stmt_len) -?\\d+', '', 'g'),
      ':(varattno|varattnosyn) ' || ${attribute} || '\\M', ':\\1 tenant', 'g')`;
  const kinds = `(values ('r', 'tables'), ('S', 'sequences')) k(kind, plural)`;
  const given = `x.grantee in (0::oid, ${quoteText(tenants)}::regrole::oid, ${quoteText(changes)}::regrole::oid)`;
  return `with recursive s as (select oid, nspowner from pg_namespace where nspname = ${schema}),
  c as materialized (select c.* from pg_class c, s where c.relnamespace = s.oid and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')),
  f as materialized (select f.* from pg_proc f, s where f.pronamespace = s.oid and f.proname in ('${verifiedTenant}', '${writingTenant}') and f.pronargs = 0),
  ref as materialized (select c.oid, ${tree('d.adbin', 'a.attnum')} as filled, ${tree('p.polqual', 'a.attnum')} as used, ${tree('p.polwithcheck', 'a.attnum')} as checked,
      json_build_object('using', pg_get_expr(p.polqual, c.oid), 'check', pg_get_expr(p.polwithcheck, c.oid), 'default', pg_get_expr(d.adbin, c.oid),
        'verifies', exists (select from f where f.proname = '${verifiedTenant}' and p.polqual::text like '%:funcid ' || f.oid || ' %'),
        'refusesRemoved', exists (select from f where f.proname = '${writingTenant}' and p.polwithcheck::text like '%:funcid ' || f.oid || ' %')) as texts
    from c join pg_attribute a on a.attrelid = c.oid and a.attname = '${tenantColumn}' join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    join pg_policy p on p.polrelid = c.oid and p.polname = 'omnitenant' where c.relname = '${formerTenants}'),
  acting as (select distinct k.conrelid as oid from pg_constraint k join c on c.oid = k.conrelid
    where k.contype = 'f' and (k.confdeltype in ('c', 'n', 'd') or k.confupdtype in ('c', 'n', 'd'))),
  called as (select d.refobjid as oid from pg_depend d, s where d.refclassid = 'pg_proc'::regclass and (
    d.classid = 'pg_trigger'::regclass and d.objid in (select t.oid from pg_trigger t join acting on acting.oid = t.tgrelid)
    or d.classid = 'pg_constraint'::regclass and d.objid in (select k.oid from pg_constraint k
      where k.conrelid in (select oid from acting) or k.contypid <> 0 and k.connamespace = s.oid and exists (select from acting))
    or d.classid = 'pg_attrdef'::regclass and d.objid in (select a.oid from pg_attrdef a join acting on acting.oid = a.adrelid)
    or d.classid = 'pg_class'::regclass and d.objid in (select oid from acting union select i.indexrelid from pg_index i join acting on acting.oid = i.indrelid))),
  readers as (
    select r.ev_class as oid from pg_depend d join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
      where d.refclassid = 'pg_class'::regclass and d.refobjid = any (array(select oid from c))
    union select r.ev_class from readers v join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = v.oid
      join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
  )
  select json_build_object(
    'schemaOwner', pg_get_userbyid(s.nspowner),
    'mark', obj_description(s.oid, 'pg_namespace'),
    'reference', (select texts from ref),
    'ownFunctions', (select coalesce(json_object_agg(f.proname, json_build_object('source', f.prosrc, 'owned', f.proowner = s.nspowner,
        'executable', has_function_privilege(${quoteText(tenants)}, f.oid, 'execute') and has_function_privilege(${quoteText(changes)}, f.oid, 'execute'),
        'language', l.lanname, 'definer', f.prosecdef, 'volatility', f.provolatile, 'parallel', f.proparallel,
        'config', f.proconfig, 'returns', f.prorettype::regtype)), '{}') from f join pg_language l on l.oid = f.prolang),
    'roleFaults', (select coalesce(json_agg(f), '[]') from (
      select format('the role "%s" is a superuser or bypasses row-level security', rolname) as fault,
        format('alter role %I nosuperuser nobypassrls', rolname) as sql, true as open from pg_roles
        where rolname in (${quoteText(tenants)}, ${quoteText(changes)}) and (rolsuper or rolbypassrls)
      union all select format('the role "%s" is a member of "%s"', pg_get_userbyid(member), pg_get_userbyid(roleid)),
        format('revoke %I from %I', pg_get_userbyid(roleid), pg_get_userbyid(member)), true from pg_auth_members
        where member in (${quoteText(tenants)}::regrole, ${quoteText(changes)}::regrole)
      union all select format('the login "%s" may create roles or databases, or replicate', rolname),
        format('alter role %I nocreaterole nocreatedb noreplication', rolname), true from pg_roles
        where rolname = ${quoteText(tenants)} and rolcanlogin and (rolcreaterole or rolcreatedb or rolreplication)
      union all select format('the login "%s" may create schemas', rolname), format('revoke create on database %I from public, %I', current_database(), rolname), true
        from pg_roles where rolname = ${quoteText(tenants)} and rolcanlogin and has_database_privilege(oid, current_database(), 'create')
      union all select format('the login "%s" may create objects in the schema "%s", which statements of others could find', rolname, n.nspname),
        format('revoke create on schema %I from public, %I', n.nspname, rolname), true
        from pg_roles r, pg_namespace n where rolname = ${quoteText(tenants)} and rolcanlogin and has_schema_privilege(r.oid, n.oid, 'create')
        and n.nspname !~ '^pg_(toast_)?temp_'
      union all select format('the login "%s" may write functions in %s, whose state outlives what resets a session', rolname, l.lanname),
        format('revoke usage on language %I from public, %I', l.lanname, rolname), true
        from pg_roles r, pg_language l where rolname = ${quoteText(tenants)} and rolcanlogin and has_language_privilege(r.oid, l.oid, 'usage')
        and l.lanname not in ('internal', 'c', 'sql', 'plpgsql')
      union all select format('the login "%s" may use the schema "%s"', rolname, n.nspname), format('revoke all on schema %I from public, %I', n.nspname, rolname), true
        from pg_roles r, pg_namespace n where rolname = ${quoteText(tenants)} and rolcanlogin and has_schema_privilege(r.oid, n.oid, 'usage')
        and n.nspname <> ${schema} and (n.nspname = '${centralSchema}' or obj_description(n.oid, 'pg_namespace') like '${markPrefix}%')
      union all select format('the login "%s" may not become the role "%s"', session_user, ${quoteText(tenants)}),
        format('grant %I, %I, %I to %I; grant %4$I to %5$I', ${[tenants, owner, changes, login].map(quoteText).join(', ')}, session_user), true
        where not pg_has_role(session_user, ${quoteText(tenants)}, 'member')
      union all select format('the role "%s" has not the rights of "%s", to which it gives the functions of triggers', ${quoteText(owner)}, ${quoteText(changes)}),
        format('alter role %1$I inherit; grant %2$I to %1$I', ${quoteText(owner)}, ${quoteText(changes)}), false
        where not pg_has_role(${quoteText(owner)}, ${quoteText(changes)}, 'usage')
      union all select format('the login "%s" inherits the rights of "%s"', session_user, ${quoteText(owner)}),
        format('revoke %I from %I; grant %I to %2$I', ${quoteText(owner)}, session_user, ${quoteText(login)}), false
        where pg_has_role(session_user, ${quoteText(owner)}, 'usage') and not (select rolsuper from pg_roles where rolname = session_user)
    ) f),
    'relations', (select coalesce(json_agg(json_build_object(
      'oid', c.oid::int8, 'name', format('%I.%I', ${schema}, c.relname), 'relname', c.relname, 'kind', c.relkind,
      'owned', c.relowner = s.nspowner, 'rowSecurity', c.relrowsecurity, 'forced', c.relforcerowsecurity, 'isPartition', c.relispartition,
      'invoker', exists (select from pg_options_to_table(c.reloptions) where option_name = 'security_invoker' and option_value::boolean),
      'rules', (select count(*) from pg_rewrite r where r.ev_class = c.oid and r.rulename <> '_RETURN'),
      'tenant', (select json_build_object('type', a.atttypid::regtype, 'notNull', a.attnotnull,
          'isFilled', coalesce(${tree('d.adbin', 'a.attnum')} = (select filled from ref), false))
        from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where a.attrelid = c.oid and a.attname = '${tenantColumn}' and not a.attisdropped),
      'indexed', exists (select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
        where i.indrelid = c.oid and a.attname = '${tenantColumn}' and i.indpred is null),
      'policies', (select coalesce(json_agg(json_build_object('name', p.polname, 'permissive', p.polpermissive, 'command', p.polcmd,
          'isReference', coalesce((select ${tree('p.polqual', 'a.attnum')} = used and ${tree('p.polwithcheck', 'a.attnum')} = checked
            from ref, pg_attribute a where a.attrelid = c.oid and a.attname = '${tenantColumn}'), false),
          'forTenants', ${applies(tenants)}, 'forChanges', ${applies(changes)}) order by p.polname), '[]')
        from pg_policy p where p.polrelid = c.oid),
      'granted', ${rights(tenants)}, 'changes', ${rights(changes)}) order by c.oid), '[]') from c),
    'keys', (select coalesce(json_agg(k), '[]') from (
      select con.conrelid::int8 as "table", con.conname as name, con.contype as kind, pg_get_constraintdef(con.oid) as definition,
        ${columnsOf('con.conrelid', 'con.conkey')} as columns, ${hasTenant('con.conrelid', 'con.conkey')} as "hasTenant", false as partial,
        exists (select from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
          where a.attrelid = con.conrelid and a.attnum = any (con.conkey) and a.attname <> '${tenantColumn}'
          and (a.atttypid = 'uuid'::regtype or a.attidentity <> '' or d.adbin::text like '%:funcid 1574 %')) as generated,
        nullif(con.confrelid, 0)::int8 as target, nullif(con.confrelid, 0)::regclass::text as "targetName",
        ${columnsOf('con.confrelid', 'con.confkey')} as "targetColumns"
      from pg_constraint con join c on c.oid = con.conrelid where con.contype in ('p', 'u', 'x', 'f') and con.conparentid = 0
      union all
      select i.indrelid::int8, x.relname, 'i', pg_get_indexdef(i.indexrelid), ${columnsOf('i.indrelid', 'i.indkey::int2[]')},
        ${hasTenant('i.indrelid', 'i.indkey::int2[]')}, i.indpred is not null, false, null, null, null
      from pg_index i join c on c.oid = i.indrelid join pg_class x on x.oid = i.indexrelid
      where i.indisunique and not exists (select from pg_constraint con where con.conindid = i.indexrelid and con.contype in ('p', 'u', 'x'))
        and not exists (select from pg_inherits h where h.inhrelid = i.indexrelid)) k),
    'functions', (select coalesce(json_agg(json_build_object('name', f.oid::regprocedure::text, 'definer', f.prosecdef,
        'ofChanges', f.proowner = ${quoteText(changes)}::regrole, 'inActions', l.lanname not in ('internal', 'c') and f.oid in (select oid from called),
        'owned', f.pronamespace = s.oid and f.proowner in (s.nspowner, ${quoteText(changes)}::regrole),
        'executable', has_function_privilege(${quoteText(tenants)}, f.oid, 'execute') and has_function_privilege(${quoteText(changes)}, f.oid, 'execute'))), '[]')
      from pg_proc f join pg_language l on l.oid = f.prolang
      where (f.pronamespace = s.oid or f.prosecdef and f.proowner = s.nspowner or l.lanname not in ('internal', 'c') and f.oid in (select oid from called))
        and not ${isOfExtension('pg_proc', 'f.oid')} and f.oid not in (select oid from f w)),
    'outsideViews', (select coalesce(json_agg(format('%I.%I', n.nspname, v.relname) order by 1), '[]') from readers join pg_class v using (oid) join pg_namespace n on n.oid = v.relnamespace
      where v.relnamespace <> s.oid and v.relkind in ('v', 'm')
        and not exists (select from pg_options_to_table(v.reloptions) where option_name = 'security_invoker' and option_value::boolean)
        and has_schema_privilege(${quoteText(tenants)}, v.relnamespace, 'usage') and has_any_column_privilege(${quoteText(tenants)}, v.oid, 'select')),
    'defaults', (select coalesce(json_agg(f), '[]') from (
      select distinct pg_get_userbyid(a.defaclrole) as role, format('what "%s" makes in it is granted to %s by default', pg_get_userbyid(a.defaclrole),
          case x.grantee when 0 then 'everybody' else quote_ident(pg_get_userbyid(x.grantee)) end) as fault,
        format('alter default privileges for role %I%s revoke all on %s from %s', pg_get_userbyid(a.defaclrole),
          case a.defaclnamespace when 0 then '' else format(' in schema %I', ${schema}) end, k.plural,
          case x.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(x.grantee)) end) as sql
      from pg_default_acl a join ${kinds} on k.kind = a.defaclobjtype::text, aclexplode(a.defaclacl) x
      where ${given} and (a.defaclnamespace = s.oid or a.defaclnamespace = 0 and a.defaclrole = s.nspowner)
    ) f)
  )::text as catalogue from s`;
}

/** What the query brought back; `undefined` where there is no such schema. */
export function readCatalogue(rows: readonly Record<string, unknown>[]): Catalogue | undefined {
  const text = rows[0]?.['catalogue'];
  return typeof text === 'string' ? (JSON.parse(text) as Catalogue) : undefined;
}
