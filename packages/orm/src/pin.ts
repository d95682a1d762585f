import { type OrmPlacement, tenantSetting } from './placement.ts';
import type { QueryResult, SqlClient, SqlPool, TransactionStatus } from './sql-pool.ts';

/**
 * The statements that are sent in front of a tenant's, in the same message, and that hold for these alone. `rowsOf` names
 * the tenant to row-level security, where tenants share their tables.
 */
export const pinOf = ({ schema, role }: OrmPlacement, rowsOf?: string): readonly string[] => [
  ...(role === undefined ? [] : [`set local role ${quoteName(role)}`]),
  `set local search_path to ${quoteName(schema)}`,
  ...(rowsOf === undefined ? [] : [`set local ${tenantSetting} to '${rowsOf}'`]),
];

/** Quotes one SQL identifier. */
export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/**
 * Derives a pool whose every statement carries a pin. The pool behind it is shared and keeps nothing of the tenant: the
 * pin and what it covers are one implicit transaction, or the transaction that it opened with. `check` may refuse a
 * statement before it is sent.
 */
export const pinnedPool = (shared: SqlPool, pin: readonly string[], check?: (sql: string) => void): SqlPool => ({
  options: shared.options,
  connect: async () => new PinnedClient(await shared.connect(), pin, check),
  end: async () => {},
});

const begins = /^\s*(?:begin|start\s+transaction)\b[^;]*;?\s*$/i;
const ends = /^\s*(?:commit|rollback)\s*;?\s*$/i;
const nothing = ';';

class PinnedClient implements SqlClient {
  readonly #client: SqlClient;
  readonly #pin: string;
  readonly #pinned: number;
  readonly #check: ((sql: string) => void) | undefined;
  #failed = false;
  #streams = false;
  #released = false;

  constructor(client: SqlClient, pin: readonly string[], check: ((sql: string) => void) | undefined) {
    this.#client = client;
    this.#check = check;
    this.#pin = pin.join('; ');
    this.#pinned = pin.length;
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
   * Kysely has it given back without waiting: a stream's transaction is ended first, and after an error the server is
   * asked where the connection stands.
   */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    if (this.#streams) void this.#settle('commit');
    else if (this.#failed) void this.#settle(nothing);
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
    if (begins.test(sql)) return first(await this.#client.query(`${sql}; ${this.#pin}`));
    if (this.#inTransaction()) return this.#client.query(sql, parameters);
    if (parameters.length === 0) return without(this.#pinned, await this.#client.query(`${this.#pin}; ${sql}`));
    return this.#queryWithParameters(sql, parameters);
  }

  /** A statement with parameters has a message of its own, so the pin opens a transaction around it. */
  async #queryWithParameters(sql: string, parameters: readonly unknown[]): Promise<QueryResult | QueryResult[]> {
    await this.#client.query(`begin; ${this.#pin}`);
    try {
      const result = await this.#client.query(sql, parameters);
      await this.#client.query('commit');
      return result;
    } catch (error) {
      await this.#client.query('rollback').catch(() => {});
      throw error;
    }
  }

  /** A cursor lives in a transaction: the caller's, or one that lasts until the connection goes back. */
  #stream<Cursor extends object>(cursor: Cursor): Cursor {
    if (!this.#inTransaction()) {
      this.#streams = true;
      this.#client.query(`begin; ${this.#pin}`).catch(() => {});
    }
    return this.#client.query(cursor);
  }

  #inTransaction(): boolean {
    const status = this.#client.getTransactionStatus();
    return this.#streams || status === 'T' || status === 'E';
  }

  async #settle(statement: string): Promise<void> {
    try {
      await this.#client.query(statement);
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

const first = (results: QueryResult | QueryResult[]): QueryResult =>
  Array.isArray(results) ? (results[0] as QueryResult) : results;

/** The results of a message without those of the pin that it began with. */
const without = (pinned: number, results: QueryResult | QueryResult[]): QueryResult | QueryResult[] => {
  if (!Array.isArray(results)) return results;
  return results.length === pinned + 1 ? (results[pinned] as QueryResult) : results.slice(pinned);
};
