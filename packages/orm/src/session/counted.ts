import { type Scope, usageOf } from '@omnitenant/core/extend';

/** What a statement gave, in the form of Kysely. */
export interface StatementResult {
  readonly rows: object[];
  readonly numAffectedRows?: bigint | undefined;
  readonly insertId?: bigint | undefined;
}

/** Sends a statement, and counts it for the tenant of the scope, where usage is counted. */
export async function counted(
  scope: Scope | undefined,
  send: () => StatementResult | Promise<StatementResult>,
): Promise<StatementResult> {
  if (usageOf(scope) === undefined) return send();
  const sentAt = performance.now();
  let result: StatementResult | undefined;
  try {
    result = await send();
    return result;
  } finally {
    count(performance.now() - sentAt, result, scope);
  }
}

/** In the counts of now: what was counted before may have been written meanwhile. */
function count(milliseconds: number, result: StatementResult | undefined, scope: Scope | undefined): void {
  const used = usageOf(scope);
  if (used === undefined) return;
  used.statements += 1;
  used.milliseconds += milliseconds;
  used.rows += rowsOf(result);
}

function rowsOf(result: StatementResult | undefined): number {
  return result === undefined ? 0 : Number(result.numAffectedRows ?? result.rows.length);
}
