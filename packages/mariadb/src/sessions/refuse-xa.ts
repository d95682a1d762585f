import { TenancyError } from '@omnitenant/core';

/**
 * Refuses to begin a distributed transaction. Once prepared it is the whole server's: MariaDB shows it to every user, and lets every user
 * commit it. What another tenant sends is no matter here, because there is nothing to find.
 *
 * @throws STATEMENT_REFUSED
 */
export function refuseXa(sql: string, tenant: string): void {
  const at = beginningOf(sql);
  if (!/^xa\b/i.test(sql.slice(at, at + 3))) return;
  const message =
    `A statement in the scope of tenant "${tenant}" is of an XA transaction, which every user of the server sees and may commit. ` +
    'Use em.transactional().';
  throw new TenancyError('STATEMENT_REFUSED', message, { tenant });
}

/** Where the first word of a statement is: behind blanks and comments, and in those whose text MariaDB runs. */
function beginningOf(sql: string): number {
  const before = /\s+|--[^\n]*|#[^\n]*|\/\*M?!\d*|\/\*[\s\S]*?\*\//y;
  for (let at = 0; ; at = before.lastIndex) {
    before.lastIndex = at;
    if (!before.test(sql)) return at;
  }
}
