import { TenancyError } from '@omnitenant/core';
import { cleaning } from '../session/cleaning.ts';
import type { Enveloped, QueryResult, SqlClient, SqlPool, TransactionStatus } from '../sql/client.ts';
import { codeOf, commandOf, statementsOf } from '../sql/lexer.ts';
import { sync } from './wire.ts';

/** The members of a PGlite instance that are used here. */
export interface Pglite {
  query(sql: string, parameters?: unknown[]): Promise<PgliteResult>;
  exec(sql: string): Promise<PgliteResult[]>;
  execProtocolRaw(message: Uint8Array): Promise<Uint8Array>;
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
      // Whoever has it longer than that loses it.
      await within(patience, turn).catch(() => {});
      await (await open()).close();
    },
  };
}

class PgliteClient implements SqlClient {
  readonly #pglite: Pglite;
  readonly #done: () => void;
  #status: TransactionStatus = 'I';
  #leavesSomething = false;
  #released = false;
  /** Settles when all that was sent is answered: statements are sent one after another. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(pglite: Pglite, done: () => void) {
    this.#pglite = pglite;
    this.#done = done;
  }

  query(sql: string, parameters?: readonly unknown[]): Promise<QueryResult | QueryResult[]>;
  query<Cursor extends object>(cursor: Cursor): Cursor;
  query(statement: string | object, parameters: readonly unknown[] = []): unknown {
    if (typeof statement === 'object') {
      throw new TenancyError('STATEMENT_REFUSED', 'PGlite has no cursors, so it cannot stream. Use find with a limit.');
    }
    return this.#inTurn(async () => {
      refuseCopy(statement);
      this.#leavesSomething = true;
      const results =
        parameters.length > 0
          ? [await this.#pglite.query(statement, [...parameters])]
          : await this.#pglite.exec(statement);
      const all = results.map(resultOf);
      return all.length === 1 ? (all[0] as QueryResult) : all;
    });
  }

  /** PGlite has no round trips to save, so the envelope is sent statement by statement. */
  send({ text, values = [], envelope }: Enveloped): Promise<QueryResult> {
    return this.#inTurn(async () => {
      refuseCopy(text);
      const { before, after, leavesNothing } = envelope(this.#status);
      this.#leavesSomething = true;
      for (const command of before) {
        const { text, values } = typeof command === 'string' ? { text: command, values: [] } : command;
        await this.#pglite.query(text, [...values]);
      }
      const result = { ...resultOf(await this.#pglite.query(text, values)), command: commandOf(text) };
      for (const statement of after) await this.#pglite.query(statement);
      this.#leavesSomething = !leavesNothing;
      return result;
    });
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    const cleaned = this.#last.then(async () => {
      if (this.#leavesSomething) await this.send(cleaning);
    });
    cleaned.then(this.#done, this.#done);
  }

  getTransactionStatus(): TransactionStatus {
    return this.#status;
  }

  /** Waits for what was sent before, and reads afterwards where the connection stands. */
  #inTurn<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    const answer = this.#last.then(work).finally(async () => {
      this.#status = await statusOf(this.#pglite);
    });
    this.#last = answer.catch(() => {});
    return answer;
  }
}

/** PGlite would wait for rows that nobody can send. */
function refuseCopy(sql: string): void {
  if (!/\bcopy\b/i.test(sql)) return;
  if (!statementsOf(sql).some((statement) => /^copy\b[\s\S]*\bfrom\s+stdin\b/i.test(codeOf(statement)))) return;
  throw new TenancyError(
    'STATEMENT_REFUSED',
    'PGlite takes no rows for "copy … from stdin". Insert them with em.insertMany, or copy from /dev/blob with PGlite itself.',
  );
}

/** The answer to an empty message is ReadyForQuery, which ends in the status. */
async function statusOf(pglite: Pglite): Promise<TransactionStatus> {
  const answer = await pglite.execProtocolRaw(sync);
  return String.fromCharCode(answer.at(-1) ?? 0) as TransactionStatus;
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
