import { TenancyError } from '@omnitenant/core';
import { type OrmPlacement, tenantSetting } from './placement.ts';
import { asksSession, endingsOf, freshSession, leavesNoTable, suspect } from './session-traces.ts';
import type { QueryResult, SqlClient, SqlPool, TransactionStatus } from './sql-pool.ts';
import { maybeEnd, mayEndTransaction, repinned } from './statements.ts';

/** What a pin carries beyond the placement. */
export interface PinOptions {
  /** The tenant that row-level security is told, where tenants share their tables. */
  readonly rowsOf?: string;
  /** May refuse a statement before it is sent. */
  readonly check?: (sql: string) => void;
}

/** The statements that are sent in front of a tenant's, in the same message, and that hold for these alone. */
export const pinOf = ({ schema, role }: OrmPlacement, { rowsOf }: PinOptions = {}): readonly string[] => [
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
export const pinnedPool = (shared: SqlPool, pin: readonly string[], { check }: PinOptions = {}): SqlPool => {
  // Kysely keeps something of each client that it has seen; one that went back in order comes again.
  const free: PinnedClient[] = [];
  const inOrder = (client: PinnedClient) => void free.push(client);
  return {
    options: shared.options,
    connect: () =>
      shared.connect().then((client) => (free.pop() ?? new PinnedClient(pin, check, inOrder)).begin(client)),
    end: async () => {},
  };
};

const begins = /^\s*(?:begin|start\s+transaction)\b[^;]*;?\s*$/i;
const ends = /^\s*(?:commit|rollback)\s*;?\s*$/i;
/** What has to be looked at more closely than almost every statement. */
const noteworthy = new RegExp(
  [begins, ends, suspect, maybeEnd, asksSession].map(({ source }) => source).join('|'),
  'i',
);
const nothing: readonly string[] = [];
const noEndings: ReadonlySet<string> = new Set();

class PinnedClient implements SqlClient {
  #client!: SqlClient;
  readonly #inOrder: (client: PinnedClient) => void;
  /** What goes in front of a statement that is its message's only one, and how many results that has. */
  readonly #prefix: string;
  readonly #prefixed: number;
  /** What a transaction begins with. */
  readonly #pin: readonly string[];
  readonly #check: ((sql: string) => void) | undefined;
  /** What ends the traces that this user has left in the session. */
  #endings: ReadonlySet<string> = noEndings;
  #failed = false;
  #streams = false;
  #released = false;

  constructor(
    pin: readonly string[],
    check: ((sql: string) => void) | undefined,
    inOrder: (client: PinnedClient) => void,
  ) {
    this.#prefix = `${pin.join(';')};`;
    this.#prefixed = pin.length;
    this.#pin = [...freshSession, ...pin];
    this.#check = check;
    this.#inOrder = inOrder;
  }

  /** Begins a turn on that connection. */
  begin(client: SqlClient): this {
    this.#client = client;
    this.#released = false;
    return this;
  }

  query(sql: string, parameters?: readonly unknown[]): Promise<QueryResult | QueryResult[]>;
  query<Cursor extends object>(cursor: Cursor): Cursor;
  query(statement: string | object, parameters: readonly unknown[] = []): unknown {
    if (typeof statement === 'object') return this.#stream(statement);
    const failed = (error: unknown): never => {
      this.#failed = true;
      // Kysely gives no connection back whose transaction could not be ended, as when the server has closed it.
      if (ends.test(statement)) this.release();
      throw needsNoTransaction(error) ? unpinnable(error) : error;
    };
    if (parameters.length === 0 && this.#isPlain(statement)) {
      return this.#client
        .query(this.#prefix + statement)
        .then((results) => withoutFirst(results, this.#prefixed), failed);
    }
    return this.#query(statement, parameters).catch(failed);
  }

  /**
   * Kysely has it given back without waiting: a stream's transaction and what lasts in the session are ended first, and
   * after an error the server is asked where the connection stands.
   */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    if (this.#streams) void this.#settle(['commit', 'discard temp', ...this.#endings]);
    else if (this.#failed || this.#endings.size > 0) void this.#settle([...this.#endings]);
    else {
      this.#giveBack();
      this.#inOrder(this);
    }
  }

  getTransactionStatus(): TransactionStatus {
    return this.#client.getTransactionStatus();
  }

  get processID(): number | undefined {
    return this.#client.processID;
  }

  /** One message, one transaction, nothing to look after: the way of almost every statement. */
  #isPlain(sql: string): boolean {
    return (
      this.#check === undefined &&
      this.#endings === noEndings &&
      !this.#inTransaction() &&
      !noteworthy.test(sql) &&
      leavesNoTable(sql)
    );
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
    this.#endings = noEndings;
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

/** The results of a message without those of the pin that it began with. */
const withoutFirst = (results: QueryResult | QueryResult[], count: number): QueryResult | QueryResult[] => {
  if (!Array.isArray(results)) return results;
  return results.length === count + 1 ? (results[count] as QueryResult) : results.slice(count);
};

/** `VACUUM`, `CREATE INDEX CONCURRENTLY` and the like: a statement that PostgreSQL runs in no transaction cannot be pinned. */
const needsNoTransaction = (error: unknown): boolean => (error as { code?: string }).code === '25001';

const unpinnable = (cause: unknown): TenancyError =>
  new TenancyError(
    'STATEMENT_REFUSED',
    "PostgreSQL runs this statement outside of a transaction only, and a tenant's statements are in one with what names their tenant. " +
      'Run it on a connection of your own, with the schema of tenancy.current().placement in its names.',
    { cause },
  );
