import { TenancyError } from '@omnitenant/core';
import type { NativeDatabase } from './native.ts';

/** Semicolons, and what one has no meaning in: strings, quoted names and comments. */
const tokens = /'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|\/\*.*?(?:\*\/|$)|;/gs;
const blank = /--[^\n]*|\/\*.*?(?:\*\/|$)|[\s;]/gs;

/**
 * Refuses several statements at once, of which the driver would run the first and forget the others. Only what is a statement by itself
 * ends at a semicolon: the body of a trigger has semicolons as well.
 *
 * @throws STATEMENT_REFUSED
 */
export function refuseSecondStatement(database: NativeDatabase, sql: string, tenant: string): void {
  if (!sql.includes(';')) return;
  for (const { 0: token, index } of sql.matchAll(tokens)) {
    if (token !== ';' || isBlank(sql.slice(index + 1))) continue;
    const before = sql.slice(0, index);
    if (isBlank(before) || !isStatement(database, before)) continue;
    const message = `A text in the scope of tenant "${tenant}" has more than one statement, and only the first one would run. Send them one by one.`;
    throw new TenancyError('STATEMENT_REFUSED', message, { tenant });
  }
}

function isBlank(sql: string): boolean {
  return sql.replaceAll(blank, '') === '';
}

function isStatement(database: NativeDatabase, sql: string): boolean {
  try {
    database.prepare(sql);
    return true;
  } catch {
    return false;
  }
}
