/**
 * SQL that lifts the limits on requests, which a login or a server may have, until the end of the transaction or the session: what makes, migrates,
 * reads and removes whole tenants takes as long as it takes. PostgreSQL 17 and newer limit transactions, too.
 */
export function withoutTimeLimits(until: 'transaction' | 'session' = 'transaction'): string {
  const set = until === 'transaction' ? 'set local' : 'set';
  return `do $omnitenant$ begin ${set} statement_timeout to 0; ${set} idle_in_transaction_session_timeout to 0;
    if current_setting('transaction_timeout', true) is not null then ${set} transaction_timeout to 0; end if; end $omnitenant$`;
}
