import { currentScope, type Scope } from '@omnitenant/core/extend';
import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely';
import { counted, type StatementResult } from './counted.ts';
import { checkIn, checkOut, type OpenWork, scopeEnded } from './scope-work.ts';

/** One tenant's database besides PostgreSQL, as its scopes use it. */
export interface ScopedDatabase {
  /** Runs a statement that is a transaction of its own. */
  execute(sql: string, parameters?: readonly unknown[]): Promise<StatementResult>;
  begin(options: BeginOptions): Promise<ScopedTransaction>;
  /** The rows of a query, one by one, while others use the database. */
  stream(sql: string, parameters?: readonly unknown[]): RowStream;
}

/** How a transaction begins. */
export interface BeginOptions {
  /** It writes nothing. Default: false. */
  readonly readOnly?: boolean | undefined;
  /** Default: the database's own. */
  readonly isolationLevel?: string | undefined;
}

/** A transaction that nobody else sends statements in. */
export interface ScopedTransaction {
  execute(sql: string, parameters?: readonly unknown[]): StatementResult | Promise<StatementResult>;
  iterate(sql: string, parameters?: readonly unknown[]): Rows;
  commit(): void | Promise<void>;
  /** Rolls back what is open; does nothing after the end. */
  rollback(): void | Promise<void>;
}

/** Rows that come one by one. */
export type Rows = IterableIterator<unknown> | AsyncIterableIterator<unknown>;

/** Rows that are read while they are used. */
export type RowStream = Rows & { close(): void };

/** What Kysely calls a connection: single statements, one transaction, or the rows of a stream. */
export class DatabaseSession implements DatabaseConnection, OpenWork {
  readonly #database: () => ScopedDatabase;
  readonly #scope: Scope | undefined = currentScope();
  #transaction: ScopedTransaction | undefined;
  #streams = new Set<{ close(): void }>();
  #ended: (() => Error) | undefined;

  constructor(database: () => ScopedDatabase) {
    this.#database = database;
    checkOut(this.#scope, this);
  }

  get isBusy(): boolean {
    return this.#transaction !== undefined || this.#streams.size > 0;
  }

  /** Rolls back what the scope has left open; whoever uses it afterwards gets the error. */
  close(error: () => Error): void {
    this.#ended = error;
    this.release();
  }

  /** Nobody ends it from outside. */
  doom(): void {}

  release(): void {
    // Nobody waits for the answer; what cannot be rolled back is closed.
    void this.#transaction?.rollback();
    this.#transaction = undefined;
    for (const stream of this.#streams) stream.close();
    this.#streams.clear();
    checkIn(this.#scope, this);
  }

  async begin(options: BeginOptions): Promise<void> {
    this.#requireLiveScope();
    const transaction = await this.#database().begin(options);
    // The scope may have ended while this waited.
    if (this.#scope?.ended) await transaction.rollback();
    this.#requireLiveScope();
    this.#transaction = transaction;
  }

  async commit(): Promise<void> {
    this.#openDatabase();
    await this.#transaction?.commit();
    this.#transaction = undefined;
  }

  async rollback(): Promise<void> {
    await this.#transaction?.rollback();
    this.#transaction = undefined;
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const database = this.#openDatabase();
    const on = this.#transaction ?? database;
    return (await counted(this.#scope, () => on.execute(sql, parameters))) as QueryResult<R>;
  }

  async *streamQuery<R>({ sql, parameters }: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
    this.#openDatabase();
    const rows = this.#transaction?.iterate(sql, parameters) ?? this.#stream(sql, parameters);
    try {
      for await (const row of rows) {
        yield { rows: [row as R] };
        this.#openDatabase();
      }
    } finally {
      await rows.return?.();
    }
  }

  #stream(sql: string, parameters: readonly unknown[]): Rows {
    this.#requireLiveScope();
    const stream = this.#database().stream(sql, parameters);
    this.#streams.add(stream);
    return stream;
  }

  /** Nobody would end what begins after its scope. */
  #requireLiveScope(): void {
    if (this.#scope?.ended) throw scopeEnded(this.#scope);
  }

  /** Asked for each time: it refuses in another tenant's scope, and where the tenant is gone. */
  #openDatabase(): ScopedDatabase {
    if (this.#ended) throw this.#ended();
    return this.#database();
  }
}
