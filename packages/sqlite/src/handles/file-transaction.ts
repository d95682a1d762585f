import { TenancyError } from '@omnitenant/core';
import type { StatementResult } from '@omnitenant/orm/extend';
import { type FileStream, fileStream } from './file-stream.ts';
import { type NativeDatabase, type NativeStatement, resultOf, rowsOf } from './native.ts';
import { prepareInOwnFile, type StatementRules } from './own-file-only.ts';

/** A transaction on a handle of its own. */
export interface FileTransaction {
  execute(sql: string, parameters?: readonly unknown[]): StatementResult;
  iterate(sql: string, parameters?: readonly unknown[]): FileStream;
  commit(): void;
  /** Rolls back what is open; does nothing after the end. */
  rollback(): void;
}

/** The transaction that was begun on a handle. `release` is called once, when it is over. */
export function fileTransaction(database: NativeDatabase, rules: StatementRules, release: () => void): FileTransaction {
  const { tenant } = rules;
  const reading = new Set<FileStream>();
  let isOver = false;

  function requireOpen(): void {
    // SQLite itself may have rolled back, and would run what follows outside of the transaction.
    if (isOver || !database.inTransaction) throw ended(tenant);
  }

  function prepare(sql: string, parameters: readonly unknown[]): NativeStatement {
    requireOpen();
    return prepareInOwnFile(database, sql, parameters, rules);
  }

  function end(): void {
    if (isOver) return;
    isOver = true;
    try {
      // better-sqlite3 rolls nothing back while rows are read.
      for (const stream of reading) stream.close();
      if (database.inTransaction) database.exec('rollback');
    } finally {
      release();
    }
  }

  return {
    execute: (sql, parameters = []) => resultOf(prepare(sql, parameters), parameters),
    iterate(sql, parameters = []) {
      const rows = rowsOf(prepare(sql, parameters), sql, parameters);
      const stream = fileStream(rows, { release: () => reading.delete(stream), cut: () => ended(tenant) });
      reading.add(stream);
      return stream;
    },
    commit() {
      requireOpen();
      database.exec('commit');
      end();
    },
    rollback: end,
  };
}

function ended(tenant: string): TenancyError {
  const message =
    `The transaction of tenant "${tenant}" is over, by an error or by a statement of its own, and what follows would run without it. ` +
    'Begin another one.';
  return new TenancyError('STATEMENT_REFUSED', message, { tenant });
}
