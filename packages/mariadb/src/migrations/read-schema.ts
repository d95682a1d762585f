import type { ComparedSchema, TenantEntityManager } from '@omnitenant/orm/extend';
import { quoteText } from '../sql/quote.ts';
import { stepTable } from './step-ledger.ts';

/** What a database has, by information_schema: names and definitions, without the name of the database. */
const queries: readonly string[] = [
  `select concat('column "', table_name, '"."', column_name, '"') as name, concat_ws('|', column_type, is_nullable,
   ifnull(column_default, ''), extra, ifnull(collation_name, ''), ifnull(generation_expression, '')) as text, table_name as of_table
   from information_schema.columns where table_schema = database()`,
  `select concat('index "', index_name, '" of "', table_name, '"') as name, concat_ws('|', non_unique, index_type,
   group_concat(column_name, '(', ifnull(sub_part, ''), ')' order by seq_in_index)) as text, table_name as of_table
   from information_schema.statistics where table_schema = database() group by table_name, index_name, non_unique, index_type`,
  `select concat('foreign key "', constraint_name, '" of "', table_name, '"') as name, concat_ws('|', referenced_table_name, update_rule,
   delete_rule) as text, table_name as of_table from information_schema.referential_constraints where constraint_schema = database()`,
  `select concat('check "', constraint_name, '" of "', table_name, '"') as name, check_clause as text, table_name as of_table
   from information_schema.check_constraints where constraint_schema = database()`,
  `select concat('view "', table_name, '"') as name, replace(view_definition, concat('\`', database(), '\`.'), '') as text,
   table_name as of_table from information_schema.views where table_schema = database()`,
  `select concat('trigger "', trigger_name, '"') as name, concat_ws('|', action_timing, event_manipulation, event_object_table,
   action_statement) as text, event_object_table as of_table from information_schema.triggers where trigger_schema = database()`,
  `select concat(lower(routine_type), ' "', routine_name, '"') as name, concat_ws('|', data_type, routine_definition) as text,
   '' as of_table from information_schema.routines where routine_schema = database()`,
];

interface SchemaRow {
  readonly name: string;
  readonly text: string;
  readonly of_table: string;
}

/** The columns, indexes, keys, checks, views, triggers and routines of the database that an EntityManager is on. */
export async function readSchema(em: TenantEntityManager, logTable: string): Promise<ComparedSchema> {
  const own = [logTable, stepTable].map(quoteText).join(', ');
  const found = new Map<string, string>();
  for (const query of queries) {
    const rows = await em.execute<SchemaRow[]>(`select * from (${query}) as found where of_table not in (${own})`);
    for (const { name, text } of rows) found.set(name, text);
  }
  return found;
}
