import type { StatementResult } from '@omnitenant/orm/extend';

/** What is used of a database of better-sqlite3 or libsql. */
export interface NativeDatabase {
  readonly inTransaction: boolean;
  prepare(sql: string): NativeStatement;
  exec(sql: string): unknown;
  close(): unknown;
  /** libsql has none. */
  backup?(file: string): Promise<unknown>;
}

/** What is used of a prepared statement, whose parameters are one list: see `bound`. */
export interface NativeStatement {
  /** Whether it returns rows. */
  readonly reader: boolean;
  /** Whether SQLite says that it writes nothing; libsql does not tell. */
  readonly readonly?: boolean;
  all(parameters?: readonly unknown[]): unknown[];
  /** Ends the statement after its first row. */
  get(parameters?: readonly unknown[]): unknown;
  run(parameters?: readonly unknown[]): { readonly changes: number; readonly lastInsertRowid: number | bigint };
  iterate(parameters?: readonly unknown[]): IterableIterator<unknown>;
}

/** The class of the driver's databases. Its calls are synchronous. */
export type NativeDatabaseClass = new (path: string, options: { readonly timeout: number }) => NativeDatabase;

/**
 * The values of parameters as the one argument that a statement takes. Of several arguments the drivers take a list for several values, so that
 * those after it would be bound to others' places, and a lone object for names.
 *
 * @throws a TypeError for a boolean, of which libsql would end the process; for whatever else is no value of SQLite, the drivers do.
 */
export function bound(parameters: readonly unknown[]): readonly unknown[] {
  if (parameters.every((value) => typeof value !== 'boolean')) return parameters;
  throw new TypeError('SQLite3 can only bind numbers, strings, bigints, buffers, and null');
}

/** Runs a statement to its end. */
export function resultOf(statement: NativeStatement, parameters: readonly unknown[]): StatementResult {
  if (statement.reader) return { rows: statement.all(bound(parameters)) as object[] };
  const { changes, lastInsertRowid } = statement.run(bound(parameters));
  return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
}

/** The rows of a statement, one by one. Whoever does not read all of them calls `return`. */
export function* rowsOf(
  statement: NativeStatement,
  sql: string,
  parameters: readonly unknown[],
): Generator<unknown, void> {
  const rows = statement.iterate(bound(parameters));
  let isLeft = false;
  try {
    for (let row = rows.next(); !row.done; row = rows.next()) {
      isLeft = true;
      yield row.value;
      isLeft = false;
    }
  } finally {
    if (isLeft) leave(statement, sql, parameters, rows);
  }
}

/** libsql ends a statement at its last row, or with `get`. One that goes on keeps its locks. */
function leave(
  statement: NativeStatement,
  sql: string,
  parameters: readonly unknown[],
  rows: IterableIterator<unknown>,
): void {
  if (rows.return) rows.return();
  else if (isRead(statement, sql)) statement.get(bound(parameters));
  else while (!rows.next().done);
}

/** Whether a statement writes nothing. Where the driver does not tell, what begins with another word than `select` may write. */
export function isRead(statement: NativeStatement, sql: string): boolean {
  return statement.readonly ?? /^\s*select\b/i.test(sql);
}

/** Whether another connection holds a lock that a statement needs. */
export function isBusy(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' && /^SQLITE_(?:BUSY|LOCKED)/.test(code);
}
