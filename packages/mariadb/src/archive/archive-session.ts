import type { Wire } from '../sessions/wire.ts';

/** With these settings, values have the same texts everywhere, and no reader who pauses is cut off. */
const settings =
  "set session time_zone = '+00:00', net_write_timeout = 86400, net_read_timeout = 86400, idle_transaction_timeout = 0, " +
  'idle_readonly_transaction_timeout = 0, max_statement_time = 0, sql_select_limit = default, group_concat_max_len = 1048576';

/** Zero dates and the like are written as they were read, a 0 in an auto_increment too, and rows refer to those that come later. */
const loading =
  "set session sql_mode = 'NO_AUTO_VALUE_ON_ZERO', foreign_key_checks = 0, unique_checks = 1, lock_wait_timeout = 10";

/** Begins to read all tables as they are at one moment. The transaction ends with the session. */
export async function beginReading(wire: Wire): Promise<void> {
  await wire.query(settings);
  await wire.query('set transaction isolation level repeatable read');
  await wire.query('start transaction with consistent snapshot, read only');
}

/** Prepares a session to fill tables. */
export async function beginLoading(wire: Wire): Promise<void> {
  await wire.query(settings);
  await wire.query(loading);
}
