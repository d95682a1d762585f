import { formerTenants, secretsTable, standInPrefix, tenantColumn } from '../placement/shared-tables.ts';
import { isOfExtension } from '../sql/extensions.ts';
import { quoteName, quoteText } from '../sql/quote.ts';
import type { ArchiveSession } from './archive-session.ts';

/** The table at the new place of a tenant that is being moved, with keys of what has changed at the old one. It is gone before the tenant is there. */
export const movedKeysTable = 'omnitenant_moving_keys';

/** A table that has rows of the tenant. */
export interface TenantTable {
  readonly name: string;
  /** As in pg_class: `r`, or `p` for a partitioned table, whose partitions are not listed. */
  readonly kind: 'r' | 'p';
  /** The columns that COPY takes; not those that PostgreSQL computes, nor the tenant's in shared tables. */
  readonly columns: readonly TableColumn[];
  readonly key: readonly string[];
  /** The columns by which its rows are compared with an anonymised archive, in any order. */
  readonly compared?: readonly string[] | undefined;
  /** The tables of the same schema that its foreign keys lead to. Those of a partition, and those that lead to one, are its table's. */
  readonly references: readonly string[];
  /** The columns of these foreign keys, and the columns that they refer to. */
  readonly foreignKeys: readonly { readonly column: string; readonly references: string; readonly target: string }[];
  /** The triggers that fire, `on` the table or on one of its partitions, which may have their own. */
  readonly triggers: readonly { readonly name: string; readonly on: string; readonly always: boolean }[];
}

export interface TableColumn {
  readonly name: string;
  readonly type: string;
  /** Whether a collation decides its order. */
  readonly collated: boolean;
  /** Whether it may hold the number of a large object. */
  readonly isOid: boolean;
  readonly notNull: boolean;
  /** Whether a unique index has it, also in an expression. */
  readonly isUnique: boolean;
  /** Whether values that differ in case are the same. */
  readonly foldsCase: boolean;
}

/** A sequence, and the columns of whole numbers that take their values from it. */
export interface TenantSequence {
  readonly name: string;
  readonly columns: readonly { readonly table: string; readonly column: string }[];
}

export interface TenantTables {
  readonly tables: ReadonlyMap<string, TenantTable>;
  readonly sequences: readonly TenantSequence[];
  /** In the order in which they were made. */
  readonly materializedViews: readonly string[];
}

/** Reads the names of the tables, without what they are like. */
export async function readTableNames(session: ArchiveSession, logTable: string): Promise<readonly string[]> {
  const found = await session.query(`select c.relname as name from pg_class c where ${isTable(session, logTable)}`);
  return found.map(({ name }) => String(name));
}

/** Reads what a tenant's schema holds. */
export async function readTenantTables(session: ArchiveSession, logTable: string): Promise<TenantTables> {
  const { isShared } = session;
  const own = ownTables(logTable);
  const inSchema = isTenants(session);
  const column = `a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    ${isShared ? `and a.attname <> '${tenantColumn}'` : ''}`;
  const [found] = await session.query(`select
    (select coalesce(json_agg(json_build_object('name', c.relname, 'kind', c.relkind,
      'columns', (select coalesce(json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'collated', a.attcollation <> 0,
          'isOid', 'oid'::regtype in (a.atttypid, t.typbasetype), 'notNull', a.attnotnull, 'foldsCase', t.typname = 'citext',
          'isUnique', exists (select from pg_index i where i.indrelid = c.oid and (i.indisunique or i.indisexclusion) and (a.attnum = any (i.indkey) or exists (
            select from pg_depend where classid = 'pg_class'::regclass and objid = i.indexrelid and refobjid = c.oid and refobjsubid = a.attnum)))
          ) order by a.attnum), '[]')
        from pg_attribute a, lateral (${typeOfColumn}) t where ${column}),
      'key', (select coalesce(json_agg(a.attname order by k.n), '[]') from pg_index i, unnest(i.indkey) with ordinality k(number, n), pg_attribute a
        where i.indrelid = c.oid and i.indisprimary and a.attnum = k.number and k.n <= i.indnkeyatts and ${column}),
      'references', (select coalesce(json_agg(distinct r.relname), '[]') from (${foreignKeys}) f join pg_class r on r.oid = f.target
        where r.relnamespace = c.relnamespace),
      'foreignKeys', (select coalesce(json_agg(distinct jsonb_build_object('column', a.attname, 'references', r.relname, 'target', o.attname)), '[]')
        from (${foreignKeys}) f join pg_class r on r.oid = f.target, unnest(f.conkey, f.confkey) as k(own, other), pg_attribute own, pg_attribute o, pg_attribute a
        where r.relnamespace = c.relnamespace and own.attrelid = f.conrelid and own.attnum = k.own and ${column} and a.attname = own.attname
          and o.attrelid = f.confrelid and o.attnum = k.other),
      'triggers', (select coalesce(json_agg(json_build_object('name', t.tgname, 'on', r.relname, 'always', t.tgenabled = 'A')), '[]')
        from pg_trigger t join pg_class r on r.oid = t.tgrelid
        where t.tgrelid = any (${withPartitions}) and not t.tgisinternal and t.tgparentid = 0 and t.tgenabled in ('O', 'A')))), '[]')
      from pg_class c where ${isTable(session, logTable)}) as tables,
    (select coalesce(json_agg(json_build_object('name', c.relname,
      'columns', (select coalesce(json_agg(json_build_object('table', r.relname, 'column', a.attname)), '[]') from (${sequenceColumns}) u
        join pg_class r on r.oid = u.relation join pg_attribute a on a.attrelid = r.oid and a.attnum = u.number
        where r.relnamespace = c.relnamespace and a.atttypid = any ('{int2,int4,int8}'::regtype[]))) order by c.relname), '[]')
      from pg_class c where ${inSchema} and c.relkind = 'S' and not exists (select from (${sequenceColumns}) u
        join pg_class r on r.oid = u.relation where r.relname in (${own}))) as sequences,
    (select coalesce(json_agg(c.relname order by c.oid), '[]') from pg_class c where ${inSchema} and c.relkind = 'm') as views`);
  const tables = (found?.['tables'] ?? []) as TenantTable[];
  return {
    tables: new Map(tables.map((table) => [table.name, table])),
    sequences: (found?.['sequences'] ?? []) as TenantSequence[],
    materializedViews: (found?.['views'] ?? []) as string[],
  };
}

/** SQL for whether a relation of pg_class, `c`, is a table with rows of the tenant. */
function isTable(session: ArchiveSession, logTable: string): string {
  return `${isTenants(session)} and c.relkind in ('r', 'p') and not c.relispartition
    and c.relname not in (${ownTables(logTable)}) and not starts_with(c.relname, '${standInPrefix}')`;
}

function isTenants({ schema }: ArchiveSession): string {
  return `${isIn(schema)} and not ${isOfExtension('pg_class', 'c.oid')}`;
}

/** The tables that this package has beside those of the application. */
function ownTables(logTable: string): string {
  return [logTable, formerTenants, secretsTable, movedKeysTable].map(quoteText).join(', ');
}

/**
 * SQL for whether a relation of pg_class, `c`, is in the schema. It is found by what it depends on, as when the schema is dropped: pg_class has no
 * index by schemas, so a small tenant would take longer the more others there are.
 */
export function isIn(schema: string): string {
  return `c.oid = any (array(select objid from pg_depend where refclassid = 'pg_namespace'::regclass
    and refobjid = ${quoteText(quoteName(schema))}::regnamespace and classid = 'pg_class'::regclass))`;
}

/**
 * SQL for the type of a column, `a`. The limit keeps it what is asked for each column: joined, many tenants make PostgreSQL read all
 * types of all of them, in order.
 */
const typeOfColumn = 'select typname, typbasetype from pg_type where oid = a.atttypid limit 1';

/** SQL for a table of pg_class, `c`, and its partitions. */
const withPartitions =
  "case c.relkind when 'p' then array(select relid::oid from pg_partition_tree(c.oid)) else array[c.oid] end";

/** SQL for the foreign keys of a table of pg_class, `c`, and of its partitions, each with the table that it leads to, also by a partition. */
const foreignKeys = `select conrelid, confrelid, conkey, confkey, coalesce(pg_partition_root(confrelid), confrelid) as target
    from pg_constraint where conrelid = any (${withPartitions}) and contype = 'f'`;

/**
 * SQL for the columns that own a sequence of pg_class, `c`, or have it in their default. The offset keeps it what depends on the sequence: by its
 * class, PostgreSQL would read the defaults of all tenants.
 */
const sequenceColumns = `select refobjid as relation, refobjsubid as number from pg_depend
    where classid = 'pg_class'::regclass and objid = c.oid and refclassid = 'pg_class'::regclass and deptype in ('a', 'i')
  union select adrelid, adnum from (select classid, objid from pg_depend where refclassid = 'pg_class'::regclass and refobjid = c.oid offset 0) u
    join pg_attrdef d on d.oid = u.objid where u.classid = 'pg_attrdef'::regclass`;
