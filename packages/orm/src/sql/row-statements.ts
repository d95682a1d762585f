import { TenancyError } from '@omnitenant/core';
import { callsLargeObjects } from './large-objects.ts';
import { codeOf, statementsOf } from './lexer.ts';

/**
 * Refuses what row-level security does not bind, where tenants share their tables: DDL changes everyone's, and `truncate` empties
 * them for everyone.
 *
 * @throws STATEMENT_REFUSED
 */
export function rowStatements(tenant: string) {
  return (sql: string): void => {
    const found = callsLargeObjects(sql) ? 'a large object' : sharedIn(sql);
    if (found === undefined) return;
    throw new TenancyError(
      'STATEMENT_REFUSED',
      `The tenant '${tenant}' shares its tables with other tenants, which '${found}' would affect too. ` +
        'Put changes of tables into a migration, and empty a table with delete.',
      { tenant },
    );
  };
}

function sharedIn(sql: string): string | undefined {
  if (!maybeShared.test(sql)) return undefined;
  const found = statementsOf(sql).map((statement) => shared.exec(codeOf(statement))?.[1]);
  return found.find(Boolean)?.toLowerCase();
}

const words =
  'alter|analyze|cluster|comment|create|drop|grant|lock|reassign|refresh|reindex|revoke|security|truncate|vacuum';
const maybeShared = new RegExp(String.raw`\b(?:${words})\b`, 'i');
/** What is temporary is the connection's own, and ends with its transaction. */
const shared = new RegExp(String.raw`^(${words})\b(?!\s+(?:(?:local|global)\s+)?temp(?:orary)?\b)`, 'i');
