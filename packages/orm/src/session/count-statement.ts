import { type Scope, usageOf } from '@omnitenant/core/extend';
import type { QueryResult } from '../sql/client.ts';

/** Counts a statement for the tenant of the scope that sent it, where usage is counted. Without a result it has failed. */
export function countStatement(sentAt: number, result: QueryResult | undefined, scope: Scope | undefined): void {
  const used = usageOf(scope);
  if (used === undefined) return;
  used.statements += 1;
  used.milliseconds += performance.now() - sentAt;
  used.rows += result?.rowCount ?? 0;
}

/** Counts the rows of a stream as they come; its time is the reader's. */
export function countStream(cursor: { handleDataRow?(row: unknown): unknown }, scope: Scope | undefined): void {
  const { handleDataRow } = cursor;
  if (usageOf(scope) === undefined || handleDataRow === undefined) return;
  countStatement(performance.now(), undefined, scope);
  cursor.handleDataRow = (row) => {
    const used = usageOf(scope);
    if (used !== undefined) used.rows += 1;
    return handleDataRow.call(cursor, row);
  };
}
