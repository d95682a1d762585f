import { type Tenancy, TenancyError, type Tenant, type TenantResource } from '@omnitenant/core';
import { quoteName, quoteText } from '../../sql/quote.ts';
import type { TestEntityManager } from './session.ts';

/** Brings a tenant's tables back to what they were; says whether it could. */
export type Reset = () => Promise<boolean>;

interface Table {
  readonly name: string;
  readonly rows: boolean;
}

/**
 * Remembers what is in the tables of a new tenant. The reset deletes the rows of tables that had none, sets the sequences
 * back, and then compares all columns and rows with those of the beginning.
 *
 * @throws CONFIG_INVALID on another database than PostgreSQL.
 */
export async function resetOf(
  tenancy: Tenancy,
  orm: TenantResource<TestEntityManager>,
  { id, isolation }: Tenant,
): Promise<Reset> {
  if (!(await tenancy.run(id, () => tenancy.use(orm).getPlatform().supportsSchemas()))) throw noReset();
  const query = <Row>(sql: string): Promise<Row[]> => tenancy.run(id, () => tenancy.use(orm).execute<Row[]>(sql));
  const names = (await query<{ name: string }>(tablesSql)).map(({ name }) => name);
  const tables = await query<Table>(names.map(hasRowsSql).join(' union all ') || 'select where false');
  // Tenants that share tables share sequences, and the others go on counting.
  const sequences = isolation === 'row' ? [] : await query<{ set: string }>(sequencesSql);
  const contents = contentsSql(names);
  const [before] = await query<{ contents: string }>(contents);
  const empty = tables.filter(({ rows }) => !rows).map(({ name }) => name);
  const reset = resetSql(
    empty,
    sequences.map(({ set }) => set),
  );
  return async () => {
    try {
      return await tenancy.run(id, () =>
        tenancy.use(orm).transactional(async (em) => {
          // A transaction that the test has left open must not hold the next test.
          await em.execute(`set local lock_timeout to '5s'`);
          await em.execute(reset);
          const [after] = await em.execute<{ contents: string }[]>(contents);
          return after?.contents === before?.contents;
        }),
      );
    } catch {
      // What a test has done to the tables that this cannot undo.
      return false;
    }
  };
}

const tablesSql = `select relname as name from pg_class
  where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p') and not relispartition and has_table_privilege(oid, 'select') order by 1`;

function hasRowsSql(table: string): string {
  return `select ${quoteText(table)} as name, exists (select from ${quoteName(table)}) as rows`;
}

const sequencesSql = `select format('setval(%L, %s, %L)', quote_ident(sequencename), coalesce(last_value, start_value), last_value is not null) as set
  from pg_sequences where schemaname = current_schema()`;

/** One statement, so that foreign keys are looked at when all rows are gone. */
function resetSql(tables: readonly string[], sequences: readonly string[]): string {
  const deletions = tables.map((table, n) => `deletion_${n} as (delete from ${quoteName(table)})`);
  return `${deletions.length > 0 ? `with ${deletions.join(', ')} ` : ''}select ${['true', ...sequences].join(', ')}`;
}

function contentsSql(tables: readonly string[]): string {
  const columns = `select string_agg(format('%s.%s %s', c.relname, a.attname, a.atttypid), ',' order by c.relname, a.attnum)
    from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p', 'v', 'm') and a.attnum > 0`;
  const rows = tables.map(
    (table) => `select md5(string_agg(t::text, ',' order by t::text)) from ${quoteName(table)} t`,
  );
  return `select md5(concat_ws(';', ${[columns, ...rows].map((sql) => `coalesce((${sql}), '')`).join(', ')})) as contents`;
}

function noReset(): TenancyError {
  const message = 'Test tenants are reset on PostgreSQL only. Leave reuse out: each test then has a new tenant.';
  return new TenancyError('CONFIG_INVALID', message);
}
