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
  const used = usageOf(scope);
  if (used === undefined) return send();
  const sentAt = performance.now();
  let result: StatementResult | undefined;
  try {
    result = await send();
    return result;
  } finally {
    used.statements += 1;
    used.milliseconds += performance.now() - sentAt;
    used.rows += rowsOf(result);
  }
}

function rowsOf(result: StatementResult | undefined): number {
  return result === undefined ? 0 : Number(result.numAffectedRows ?? result.rows.length);
}
