import type { Wire } from '../sessions/wire.ts';
import { quoteName, quoteText } from '../sql/quote.ts';

interface CreatedTrigger {
  readonly 'SQL Original Statement': string;
  readonly sql_mode: string;
  readonly collation_connection: string;
}

/**
 * Works without the triggers of a database, which fired when the rows were first written. MariaDB cannot switch them off: they are dropped,
 * and made again as they were. Where the work fails, so does the import, and the database is dropped.
 */
export async function withoutTriggers(wire: Wire, work: () => Promise<void>): Promise<void> {
  const { result } = await wire.query(
    'select trigger_name as name from information_schema.triggers where trigger_schema = database() ' +
      'order by event_object_table, event_manipulation, action_timing, action_order',
  );
  const triggers: CreatedTrigger[] = [];
  for (const { name } of result.rows as { name: string }[]) {
    const shown = await wire.query(`show create trigger ${quoteName(name)}`);
    triggers.push((shown.result.rows as CreatedTrigger[])[0] as CreatedTrigger);
    await wire.query(`drop trigger ${quoteName(name)}`);
  }
  await work();
  for (const trigger of triggers) {
    await wire.query(
      `set session sql_mode = ${quoteText(trigger.sql_mode)}, collation_connection = ${quoteText(trigger.collation_connection)}`,
    );
    await wire.query(trigger['SQL Original Statement']);
  }
}
