import { TenancyError } from '@omnitenant/core';
import type { QueryResult, SqlClient, SqlPool, TransactionStatus } from '../sql/client.ts';
import { endsTransaction, opensTransaction, statementsOf } from '../sql/lexer.ts';

/** The members of a PGlite instance that are used here. */
export interface Pglite {
  query(sql: string, parameters?: unknown[]): Promise<PgliteResult>;
  exec(sql: string): Promise<PgliteResult[]>;
  close(): Promise<void>;
}

interface PgliteResult {
  readonly rows: Record<string, unknown>[];
  readonly affectedRows?: number;
}

/** How long a statement waits for PGlite's one connection, in milliseconds. */
const patience = 10_000;

/**
 * Presents PGlite, which is one connection, as a pool of one: who has it checked out has it alone, so that nobody's
 * statement lands in another's transaction.
 */
export function pglitePool(open: () => Promise<Pglite>): SqlPool {
  let turn: Promise<void> = Promise.resolve();
  return {
    options: {},
    connect: async () => {
      const { promise: over, resolve: release } = Promise.withResolvers<void>();
      const before = turn;
      turn = before.then(() => over);
      try {
        await within(patience, before);
        return new PgliteClient(await open(), release);
      } catch (error) {
        release();
        throw error;
      }
    },
    end: async () => {
      await turn;
      await (await open()).close();
    },
  };
}

/** Statements that may say where a transaction stands: what is cheap to rule out. */
const controls = /\b(?:begin|start|commit|end|abort|rollback|prepare)\b/i;

class PgliteClient implements SqlClient {
  readonly #pglite: Pglite;
  readonly #done: () => void;
  #inTransaction = false;

  constructor(pglite: Pglite, done: () => void) {
    this.#pglite = pglite;
    this.#done = done;
  }

  query(sql: string, parameters?: readonly unknown[]): Promise<QueryResult | QueryResult[]>;
  query<Cursor extends object>(cursor: Cursor): Cursor;
  query(statement: string | object, parameters: readonly unknown[] = []): unknown {
    if (typeof statement === 'object') {
      throw new TenancyError(
        'STATEMENT_REFUSED',
        'PGlite has no cursors, so nothing can be streamed from it. Use find with a limit.',
      );
    }
    return this.#query(statement, parameters);
  }

  release(): void {
    if (this.#inTransaction) this.#pglite.exec('rollback').then(this.#done, this.#done);
    else this.#done();
  }

  getTransactionStatus(): TransactionStatus {
    return this.#inTransaction ? 'T' : 'I';
  }

  async #query(sql: string, parameters: readonly unknown[]): Promise<QueryResult | QueryResult[]> {
    const results = await this.#send(sql, parameters);
    for (const statement of controls.test(sql) ? statementsOf(sql) : []) {
      if (opensTransaction(statement)) this.#inTransaction = true;
      else if (endsTransaction(statement)) this.#inTransaction = false;
    }
    const all = results.map(resultOf);
    return all.length === 1 ? (all[0] as QueryResult) : all;
  }

  async #send(sql: string, parameters: readonly unknown[]): Promise<PgliteResult[]> {
    try {
      return parameters.length > 0 ? [await this.#pglite.query(sql, [...parameters])] : await this.#pglite.exec(sql);
    } catch (error) {
      // A message that failed may have begun a transaction before, or ended one: then nothing is answered in it.
      this.#inTransaction = await this.#pglite.exec('select').then(
        () => false,
        () => true,
      );
      throw error;
    }
  }
}

function resultOf({ rows, affectedRows = 0 }: PgliteResult): QueryResult {
  return {
    command: affectedRows > 0 ? 'UPDATE' : 'SELECT',
    rowCount: affectedRows,
    rows,
  };
}

async function within(ms: number, work: Promise<void>): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(
      new TenancyError(
        'SERVER_UNAVAILABLE',
        `PGlite's one connection was not free within ${ms / 1000} seconds. A transaction that opens a second one, or enters ` +
          'another scope, waits for itself here; PostgreSQL has no such limit.',
      ),
    );
  }, ms);
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
