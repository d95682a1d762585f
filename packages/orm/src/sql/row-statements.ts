import { TenancyError } from '@omnitenant/core';
import { codeOf, statementsOf } from './lexer.ts';

/**
 * Refuses what row-level security does not bind, where tenants share their tables: DDL changes everyone's, and `truncate` empties
 * them for everyone.
 *
 * @throws STATEMENT_REFUSED
 */
export function rowStatements(tenant: string) {
  return (sql: string): void => {
    if (!maybeShared.test(sql)) return;
    const found = statementsOf(sql)
      .map((statement) => shared.exec(codeOf(statement))?.[1])
      .find(Boolean);
    if (found === undefined) return;
    throw new TenancyError(
      'STATEMENT_REFUSED',
      `The tenant '${tenant}' shares its tables with others, whom '${found.toLowerCase()}' would reach too. ` +
        'Put changes of tables into a migration, and empty a table with delete.',
      { tenant },
    );
  };
}

const words = 'alter|comment|create|drop|grant|reassign|refresh|revoke|security|truncate';
const maybeShared = new RegExp(String.raw`\b(?:${words})\b`, 'i');
/** What is temporary is the connection's own, and ends with its transaction. */
const shared = new RegExp(String.raw`^(${words})\b(?!\s+(?:(?:local|global)\s+)?temp(?:orary)?\b)`, 'i');
