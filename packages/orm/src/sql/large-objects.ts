import { TenancyError } from '@omnitenant/core';
import { maskedCode } from './lexer.ts';

/**
 * Refuses large objects where tenants share a database and a login: each could read those of all others, and they would stay when
 * their tenant is removed.
 *
 * @throws STATEMENT_REFUSED
 */
export function refuseLargeObjects(tenant: string) {
  return (sql: string): void => {
    if (!callsLargeObjects(sql)) return;
    throw new TenancyError(
      'STATEMENT_REFUSED',
      `Large objects are refused, because one of the tenant '${tenant}' could be read by all tenants of its database, and would outlive it. ` +
        'Keep such data in a column of type bytea, or give each tenant a role with the option roles of createOrm().',
      { tenant },
    );
  };
}

/** Whether SQL calls what makes, reads or deletes large objects. They are found by their number alone, and know no row-level security. */
export function callsLargeObjects(sql: string): boolean {
  return functionName.test(sql) && functionCall.test(maskedCode(sql));
}

const functionName = /\b(?:lo_|loread|lowrite)/i;
const functionCall = /\b(?:lo_\w+|loread|lowrite)"?\s*\(/i;
