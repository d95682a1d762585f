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
      .map(codeOf)
      .map((code) => shared.exec(code)?.[1] ?? (largeObjects.test(code) ? 'a large object' : undefined))
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

const words =
  'alter|analyze|cluster|comment|create|drop|grant|lock|reassign|refresh|reindex|revoke|security|truncate|vacuum';
/** Large objects are found by their number alone, and their functions know no row-level security. */
const largeObjects = /\b(?:lo_\w+|loread|lowrite)\s*\(/i;
const maybeShared = new RegExp(String.raw`\b(?:${words})\b|${largeObjects.source}`, 'i');
/** What is temporary is the connection's own, and ends with its transaction. */
const shared = new RegExp(String.raw`^(${words})\b(?!\s+(?:(?:local|global)\s+)?temp(?:orary)?\b)`, 'i');
