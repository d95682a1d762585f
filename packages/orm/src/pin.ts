import { type OrmPlacement, tenantSetting } from './placement.ts';
import { endingsOf, freshSession } from './session-traces.ts';
import type { QueryResult, SqlClient, SqlPool, TransactionStatus } from './sql-pool.ts';
import { mayEndTransaction, repinned } from './statements.ts';

/** What a pin carries beyond the placement. */
export interface PinOptions {
  /** The tenant that row-level security is told, where tenants share their tables. */
  readonly rowsOf?: string;
  /** May refuse a statement before it is sent. */
  readonly check?: (sql: string) => void;
}

/** The statements that are sent in front of a tenant's, in the same message, and that hold for these alone. */
export const pinOf = ({ schema, role }: OrmPlacement, { rowsOf }: PinOptions = {}): readonly string[] => [
  ...freshSession,
  ...(role === undefined ? [] : [`set local role ${quoteName(role)}`]),
  // PostgreSQL looks into temporary tables first, unless the path names their place in it.
  `set local search_path to ${quoteName(schema)}, pg_temp`,
  ...(rowsOf === undefined ? [] : [`set local ${tenantSetting} to '${rowsOf}'`]),
];

/** Quotes one SQL identifier. */
export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/**
 * Derives a pool whose every statement carries a pin. The pool behind it is shared and keeps nothing of the tenant: the
 * pin and what it covers are one implicit transaction, or the transaction that it opened with.
 */
export const pinnedPool = (shared: SqlPool, pin: readonly string[], { check }: PinOptions = {}): SqlPool => ({
  options: shared.options,
  connect: async () => new PinnedClient(await shared.connect(), pin, check),
  end: async () => {},
});

const begins = /^\s*(?:begin|start\s+transaction)\b[^;]*;?\s*$/i;
const ends = /^\s*(?:commit|rollback)\s*;?\s*$/i;
const nothing: readonly string[] = [];

class PinnedClient implements SqlClient {
  readonly #client: SqlClient;
  readonly #pin: readonly string[];
  readonly #check: ((sql: string) => void) | undefined;
  /** What ends the traces that this user has left in the session. */
  #endings: ReadonlySet<string> = new Set();
  #failed = false;
  #streams = false;
  #released = false;

  constructor(client: SqlClient, pin: readonly string[], check: ((sql: string) => void) | undefined) {
    this.#client = client;
    this.#pin = pin;
    this.#check = check;
  }

  query(sql: string, parameters?: readonly unknown[]): Promise<QueryResult | QueryResult[]>;
  query<Cursor extends object>(cursor: Cursor): Cursor;
  query(statement: string | object, parameters: readonly unknown[] = []): unknown {
    if (typeof statement === 'object') return this.#stream(statement);
    return this.#query(statement, parameters).catch((error: unknown) => {
      this.#failed = true;
      // Kysely gives no connection back whose transaction could not be ended, as when the server has closed it.
      if (ends.test(statement)) this.release();
      throw error;
    });
  }

  /**
   * Kysely has it given back without waiting: a stream's transaction and what lasts in the session are ended first, and
   * after an error the server is asked where the connection stands.
   */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    if (this.#streams) void this.#settle(['commit', ...this.#endings]);
    else if (this.#failed || this.#endings.size > 0) void this.#settle([...this.#endings]);
    else this.#giveBack();
  }

  getTransactionStatus(): TransactionStatus {
    return this.#client.getTransactionStatus();
  }

  get processID(): number | undefined {
    return this.#client.processID;
  }

  async #query(sql: string, parameters: readonly unknown[]): Promise<QueryResult | QueryResult[]> {
    this.#check?.(sql);
    const endings = endingsOf(sql);
    if (endings.length > 0) this.#endings = new Set([...this.#endings, ...endings]);
    if (begins.test(sql)) return this.#send(nothing, sql, this.#pin);
    if (ends.test(sql)) return this.#sendLast(nothing, sql);
    if (this.#inTransaction()) {
      return parameters.length === 0 ? this.#send(nothing, sql, nothing) : this.#client.query(sql, parameters);
    }
    return parameters.length === 0 ? this.#sendLast(this.#pin, sql) : this.#sendWithParameters(sql, parameters);
  }

  /** Sends what its transaction ends with, and in the same message what ends the traces that would outlast it. */
  async #sendLast(before: readonly string[], sql: string): Promise<QueryResult | QueryResult[]> {
    const result = await this.#send(before, sql, [...this.#endings]);
    this.#endings = new Set();
    return result;
  }

  /** A statement with parameters has a message of its own, so the pin opens a transaction around it. */
  async #sendWithParameters(sql: string, parameters: readonly unknown[]): Promise<QueryResult | QueryResult[]> {
    await this.#send(nothing, 'begin', this.#pin);
    try {
      const result = await this.#client.query(sql, parameters);
      await this.#sendLast(nothing, 'commit');
      return result;
    } catch (error) {
      await this.#client.query('rollback').catch(() => {});
      throw error;
    }
  }

  /** Sends one message, and gives back the results of `sql` alone. Whatever it ends, it goes on pinned. */
  async #send(before: readonly string[], sql: string, after: readonly string[]): Promise<QueryResult | QueryResult[]> {
    const { statements, pins } = mayEndTransaction(sql) ? repinned(sql, this.#pin) : { statements: [sql], pins: [] };
    if (before.length + after.length + statements.length === 1) return this.#client.query(sql);
    const results = await this.#client.query([...before, ...statements, ...after].join('\n;'));
    if (!Array.isArray(results)) return results;
    const theirs = results.slice(before.length, results.length - after.length).filter((_, n) => !pins.includes(n));
    return theirs.length === 1 ? (theirs[0] as QueryResult) : theirs;
  }

  /** A cursor lives in a transaction: the caller's, or one that lasts until the connection goes back. */
  #stream<Cursor extends object>(cursor: Cursor): Cursor {
    if (!this.#inTransaction()) {
      this.#streams = true;
      this.#send(nothing, 'begin', this.#pin).catch(() => {});
    }
    return this.#client.query(cursor);
  }

  #inTransaction(): boolean {
    const status = this.#client.getTransactionStatus();
    return this.#streams || status === 'T' || status === 'E';
  }

  async #settle(statements: readonly string[]): Promise<void> {
    try {
      await this.#client.query(`${statements.join('; ')};`);
      this.#giveBack();
    } catch {
      this.#client.release(true);
    }
  }

  /** A connection that is still in somebody's transaction is closed instead of being handed to the next. */
  #giveBack(): void {
    const status = this.#client.getTransactionStatus();
    this.#client.release(status === 'T' || status === 'E');
  }
}
