import { TenancyError, type Tenant } from '@omnitenant/core';
import type { Pools } from '../connections/pools.ts';
import type { Around } from '../migrations/migration-target.ts';
import { type OrmPlacement, placementOf, tenantSetting } from '../placement/placement.ts';
import { pinOf } from '../session/pin.ts';
import { quoteName, quoteText } from '../sql/quote.ts';
import { authorization, createRole } from './role.ts';
import type { TenantStorage } from './storage.ts';

/**
 * Isolation `row`: the tenants of one schema share its tables, and PostgreSQL's row-level security keeps their rows apart.
 * The schema is made once; a tenant itself needs nothing made.
 */
export function rowStorage(pools: Pools): TenantStorage {
  return {
    create: async (tenant) => {
      const placement = placementOf(tenant);
      const schema = quoteName(placement.schema);
      // Two that make it at once would both find that it is not there, and one of them would fail.
      await pools.query(
        placement,
        `select pg_advisory_xact_lock(hashtextextended(${quoteText(`omnitenant:rows:${placement.schema}`)}, 0));
       ${createRole(placement)}; create schema if not exists ${schema}${authorization(placement)}`,
      );
      await refusePrivileged(pools, placement, tenant);
      return 'empty';
    },
    adopt: async (tenant) => {
      throw new TenancyError(
        'PROVISION_FAILED',
        `The tenant '${tenant.id}' is of isolation row, whose rows are in shared tables: there is nothing to adopt. Create it.`,
        { tenant: tenant.id },
      );
    },
    destroy: async (tenant) => {
      const placement = placementOf(tenant);
      const tables = await tablesOf(pools, placement);
      if (tables.length === 0) return;
      // Row-level security alone decides what is deleted, and foreign keys are checked when all of it is.
      const deletions = tables.map((table) => `delete from ${quoteName(table)}`);
      await pools.query(
        placement,
        [
          'begin',
          ...pinOf(placement, { rowsOf: tenant.id }),
          'set constraints all deferred',
          ...deletions,
          'commit',
        ].join('; '),
      );
    },
  };
}

/**
 * What stands around migrations in a schema that tenants share: they run once for all of them, and the tables that they made
 * come under row-level security in the same transaction, so that none is ever there without it.
 */
export function aroundRows(schema: string): Around {
  return { before: exposure(schema), after: protection(schema) };
}

/** Lets the tables' owner see all tenants' rows, so that a migration can change them; `protection` ends it. */
function exposure(schema: string): string {
  return `do $expose$
declare t record;
begin
  for t in select c.oid::regclass as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = '${schema}' and c.relkind in ('r', 'p') and c.relforcerowsecurity
  loop execute format('alter table %s no force row level security', t.name); end loop;
end $expose$`;
}

async function tablesOf(pools: Pools, placement: OrmPlacement): Promise<string[]> {
  const rows = await pools.query(
    placement,
    `select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = '${placement.schema}' and c.relkind in ('r', 'p') and c.relforcerowsecurity`,
  );
  return rows.map(({ name }) => name as string);
}

/** A role that row-level security does not bind would read every tenant's rows. */
async function refusePrivileged(pools: Pools, placement: OrmPlacement, tenant: Tenant): Promise<void> {
  const [role] = await pools.query(
    placement,
    `select rolname as name from pg_roles
     where rolname = ${placement.role ? `'${placement.role}'` : 'current_user'} and (rolsuper or rolbypassrls)`,
  );
  if (!role) return;
  throw new TenancyError(
    'CONFIG_INVALID',
    `The role '${role['name']}' is a superuser or bypasses row-level security, so it would read the rows of every tenant, ` +
      `those of '${tenant.id}' included. Connect as a role that does neither, or give createOrm { roles: true }.`,
    { tenant: tenant.id },
  );
}

/** The tenant of the statement, by the pin; null where there is none, which matches no row. */
const currentTenant = `nullif(current_setting('${tenantSetting}', true), '')`;

/**
 * Each table that has no tenant yet gets one: a column that the pin fills in, forced row-level security with a policy that
 * an index serves, and keys that begin with the tenant, so that two tenants may have the same values, and none can refer
 * to another's row.
 */
function protection(schema: string): string {
  return `do $protect$
declare
  t record; k record; key name;
begin
  for t in select c.oid::regclass as name, c.relkind as kind from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = '${schema}' and c.relkind in ('m', 'f')
  loop
    raise exception '% is a % table or view, which row-level security does not bind: all tenants would read it', t.name,
      case t.kind when 'm' then 'materialized' else 'foreign' end using errcode = 'feature_not_supported',
      hint = 'Use a view or a table, or give the tenants that need it another isolation.';
  end loop;

  -- Foreign keys go first, as they lean on the keys that are replaced.
  create temporary table omnitenant_keys on commit drop as
    select con.conname as name, (select relname from pg_class where oid = con.conrelid), con.conrelid::regclass as owner, con.confrelid::regclass as target, con.contype as kind,
      con.confdeltype, con.confupdtype, con.condeferrable, con.condeferred,
      exists (select from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where a.attrelid = con.conrelid and a.attnum = any (con.conkey)
        and (a.atttypid = 'uuid'::regtype or a.attidentity <> '' or pg_get_expr(d.adbin, d.adrelid) like 'nextval(%')) as generated,
      (select array_agg(quote_ident(a.attname) order by x.n) from unnest(con.conkey) with ordinality x(num, n)
        join pg_attribute a on a.attrelid = con.conrelid and a.attnum = x.num) as columns,
      (select array_agg(quote_ident(a.attname) order by x.n) from unnest(con.confkey) with ordinality x(num, n)
        join pg_attribute a on a.attrelid = con.confrelid and a.attnum = x.num) as target_columns
    from pg_constraint con join pg_namespace n on n.oid = con.connamespace
    where n.nspname = '${schema}' and con.contype in ('p', 'u', 'f') and con.conparentid = 0 and con.conrelid::regclass::text not like '%mikro_orm_migrations'
      and not exists (select from pg_attribute a where a.attrelid = con.conrelid and a.attname = 'tenant_id' and a.attnum = any (con.conkey));

  for k in select * from omnitenant_keys where kind = 'f' loop
    execute format('alter table %s drop constraint %I', k.owner, k.name);
  end loop;

  for t in select c.oid, c.oid::regclass as name, c.relname, c.relispartition from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = '${schema}' and c.relkind in ('r', 'p') and c.relname <> 'mikro_orm_migrations'
  loop
    -- A partition has its table's column. Without a policy of its own it shows nothing to who names it.
    if not t.relispartition and not exists (select from pg_attribute where attrelid = t.oid and attname = 'tenant_id' and not attisdropped) then
      execute format('alter table %s add column tenant_id text not null default ${currentTenant.replaceAll("'", "''")}', t.name);
      execute format('create policy omnitenant on %s using (tenant_id = (select ${currentTenant.replaceAll("'", "''")})) with check (tenant_id = (select ${currentTenant.replaceAll("'", "''")}))', t.name);
    end if;
    execute format('alter table %s enable row level security, force row level security', t.name);
  end loop;

  -- A generated primary key is nobody else's anyway: it stays, so that later migrations can refer to it by itself.
  for k in select * from omnitenant_keys where kind = 'p' and generated loop
    key := left(k.relname, 46) || '_omnitenant_key';
    if not exists (select from pg_constraint where conrelid = k.owner::oid and conname = key) then
      execute format('alter table %s add constraint %I unique (tenant_id, %s)', k.owner, key, array_to_string(k.columns, ', '));
    end if;
  end loop;

  for k in select * from omnitenant_keys where kind = 'u' or kind = 'p' and not generated loop
    execute format('alter table %s drop constraint %I', k.owner, k.name);
    execute format('alter table %s add constraint %I %s (tenant_id, %s)%s', k.owner, k.name,
      case k.kind when 'p' then 'primary key' else 'unique' end, array_to_string(k.columns, ', '),
      case when k.condeferrable then ' deferrable' || case when k.condeferred then ' initially deferred' else '' end else '' end);
  end loop;

  for k in select i.indexrelid::regclass as name, pg_get_indexdef(i.indexrelid) as definition
    from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = '${schema}' and i.indisunique and c.relname <> 'mikro_orm_migrations'
      and not exists (select from pg_constraint con where con.conindid = i.indexrelid)
      and not exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and a.attnum = any (i.indkey::int2[]))
  loop
    execute format('drop index %s', k.name);
    execute regexp_replace(k.definition, 'USING (\\w+) \\(', 'USING \\1 (tenant_id, ');
  end loop;

  for k in select * from omnitenant_keys where kind = 'f' loop
    execute format('alter table %s add constraint %I foreign key (tenant_id, %s) references %s (tenant_id, %s)%s%s deferrable initially %s',
      k.owner, k.name, array_to_string(k.columns, ', '), k.target, array_to_string(k.target_columns, ', '),
      case k.confdeltype when 'c' then ' on delete cascade' when 'n' then format(' on delete set null (%s)', array_to_string(k.columns, ', '))
        when 'd' then format(' on delete set default (%s)', array_to_string(k.columns, ', ')) else '' end,
      case k.confupdtype when 'c' then ' on update cascade' else '' end,
      case when k.condeferred then 'deferred' else 'immediate' end);
  end loop;

  drop table omnitenant_keys;
end $protect$`;
}
