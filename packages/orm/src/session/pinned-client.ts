import { TenancyError } from '@omnitenant/core';
import type { Scope } from '@omnitenant/core/extend';
import type { Envelope, QueryResult, SqlClient, TransactionStatus } from '../sql/client.ts';
import { codeOf, endsTransaction, preparesTransaction, statementsOf } from '../sql/lexer.ts';
import { isOpen } from './cleaning.ts';
import { countStatement, countStream } from './count-statement.ts';
import { afterFailure, type Envelopes, ending } from './envelopes.ts';
import { failCursor, guardedCursor, type OpenCursor } from './open-cursor.ts';
import { checkIn, checkOut, type OpenWork, scopeEnded } from './scope-work.ts';

/** What a tenant's statements are held to, and how their errors are told. */
export interface StatementRules {
  /** May refuse a statement before it is sent. */
  check(sql: string): void;
  /** Is told of each result, and whether its transaction may have changed the schema before; returns whether it may have now. */
  sawResult(result: QueryResult, isChanging: boolean): boolean;
  /** Translates an error of PostgreSQL. */
  translateError(error: unknown): Promise<unknown>;
}

/**
 * A connection that sends every statement in an envelope with its tenant's pin. A transaction's `begin` leaves with its first
 * statement. How a statement is sent depends on where the connection stands by the server's own word, never on what was sent.
 */
export class PinnedClient implements SqlClient, OpenWork {
  readonly #client: SqlClient;
  readonly #envelopes: Envelopes;
  readonly #rules: StatementRules;
  /** The scope that it was checked out in, which ends what is left open. */
  readonly #scope: Scope | undefined;
  /** What the transaction begins with, in which nothing has been sent yet. */
  #begin: string | undefined;
  #unanswered = 0;
  #streams = false;
  /** Whether what was sent last belongs to a transaction of the caller's, as opposed to one around a single statement. */
  #inTransaction = false;
  /** Whether its session is being ended, so that nobody may get it. */
  #doomed = false;
  /** Whether its transaction may have changed the schema. */
  #isChanging = false;
  /** Whether there was a transaction or a stream, after which the caller has the connection until it gives it back. */
  #held = false;
  readonly #cursors = new Set<OpenCursor>();
  #closedBy: (() => Error) | undefined;
  /** Whether its transaction could not be ended, as when a deferred constraint fails at `commit`. The connection is given back then. */
  #endFailed = false;

  constructor(client: SqlClient, envelopes: Envelopes, rules: StatementRules, scope: Scope | undefined) {
    this.#client = client;
    this.#envelopes = envelopes;
    this.#rules = rules;
    this.#scope = scope;
    checkOut(scope, this);
  }

  query(sql: string, parameters?: readonly unknown[]): Promise<QueryResult | QueryResult[]>;
  query<Cursor extends object>(cursor: Cursor): Cursor;
  query(statement: string | object, parameters: readonly unknown[] = []): unknown {
    if (typeof statement === 'object') return this.#stream(statement);
    return this.#query(statement, parameters).catch(async (error: unknown) => {
      // Kysely does not release a connection whose transaction could not be begun or ended.
      if (isBegin(statement) || isEnd(statement)) this.release();
      this.#endFailed ||= isEnd(statement);
      throw await this.#rules.translateError(error);
    });
  }

  send: SqlClient['send'] = (statement) => this.#client.send(statement);

  release(): void {
    checkIn(this.#scope, this);
    if (this.#streams && !this.#closedBy) this.#endStream();
    this.#client.release(this.#doomed);
  }

  doom(): void {
    this.#doomed = true;
  }

  /** Rolls back what is open and gives the connection back; whoever uses it afterwards gets the error. */
  close(error: () => Error): void {
    this.#closedBy = error;
    for (const cursor of this.#cursors) failCursor(cursor, error());
    this.#client.release(this.#doomed);
  }

  /** Whether it holds, or has held, a transaction or a stream, so that nothing else gives it back. */
  get isBusy(): boolean {
    return this.#held || isOpen(this.#client.getTransactionStatus());
  }

  getTransactionStatus(): TransactionStatus {
    return this.#client.getTransactionStatus();
  }

  get processID(): number | undefined {
    return this.#client.processID;
  }

  async #query(sql: string, parameters: readonly unknown[]): Promise<QueryResult | QueryResult[]> {
    this.#refuseClosed();
    if (isEnd(sql)) return this.#end(sql);
    this.#rules.check(sql);
    if (isBegin(sql) && this.#isIdle()) {
      this.#refuseEndedScope();
      this.#begin = sql;
      this.#held = true;
      return notSent;
    }
    const statements = sql.includes(';') && parameters.length === 0 ? statementsOf(sql) : [sql];
    if (statements.length < 2) return this.#send(sql, parameters);
    return this.#isIdle() && this.#begin === undefined ? this.#sendAsOne(statements) : this.#sendEach(statements);
  }

  async #end(sql: string): Promise<QueryResult> {
    // MikroORM rolls back after a `commit` that failed, and PostgreSQL has done so.
    if (this.#endFailed) return notSent;
    if (this.#begin === undefined) {
      const result = await this.#client.send({ text: sql, envelope: ending });
      this.#sawResult(result);
      return result;
    }
    this.#begin = undefined;
    return notSent;
  }

  /**
   * The statements of one message are one transaction where none is open, as PostgreSQL has it. One that they begin
   * themselves, and do not end, is rolled back when the connection is released.
   */
  async #sendAsOne(statements: readonly string[]): Promise<QueryResult[]> {
    const results: QueryResult[] = [];
    let isTheirs = false;
    try {
      for (const statement of statements) {
        if (!isOpen(this.#client.getTransactionStatus())) this.#begin = 'begin';
        const result = await this.#send(statement, []);
        results.push(result);
        isTheirs = isOpen(this.#client.getTransactionStatus()) && (isTheirs || begins(result, statement));
      }
      if (!isTheirs && isOpen(this.#client.getTransactionStatus())) await this.#end('commit');
      return results;
    } catch (error) {
      await this.#end('rollback').catch(() => {});
      throw error;
    }
  }

  async #sendEach(statements: readonly string[]): Promise<QueryResult[]> {
    const results: QueryResult[] = [];
    for (const statement of statements) results.push(await this.#send(statement, []));
    return results;
  }

  async #send(text: string, parameters: readonly unknown[]): Promise<QueryResult> {
    const isEnd = endsTransaction(text);
    if (isEnd && preparesTransaction(text)) throw staysForever();
    const envelope = this.#envelopeOf(this.#begin, isEnd);
    this.#begin = undefined;
    this.#unanswered += 1;
    const sentAt = performance.now();
    let result: QueryResult | undefined;
    try {
      result = await this.#client.send({ text, values: [...parameters], envelope });
      this.#sawResult(result);
      return result;
    } finally {
      this.#unanswered -= 1;
      countStatement(sentAt, result, this.#scope);
    }
  }

  /** Around a statement of which nothing else is known, and which begins the caller's transaction if `begin` is given. */
  #envelopeOf(begin: string | undefined, ends = false): (status: TransactionStatus) => Envelope {
    const { any, first, last } = this.#envelopes;
    const other = ends ? last : any;
    const envelope = begin === undefined ? other : first(begin);
    return (status) => {
      const hasFailed = isOpen(status) && !this.#inTransaction;
      this.#inTransaction = begin !== undefined || (isOpen(status) && !hasFailed);
      return hasFailed ? afterFailure(envelope('I')) : envelope(status);
    };
  }

  /** A cursor lives in a transaction: the caller's, or one that lasts until the connection is released. */
  #stream<Cursor extends object>(cursor: Cursor): Cursor {
    this.#refuseClosed();
    this.#refuseEndedScope();
    const { text = '' } = cursor as OpenCursor;
    this.#rules.check(text);
    if (preparesTransaction(text)) throw staysForever();
    this.#cursors.add(cursor);
    countStream(cursor, this.#scope);
    this.#streams ||= this.#isIdle() && this.#begin === undefined;
    this.#held = true;
    // Nobody sees what a stream has done.
    this.#isChanging = true;
    const envelope = this.#envelopeOf(this.#begin ?? 'begin');
    this.#begin = undefined;
    // What fails here fails the cursor, which comes behind it in the same transaction.
    this.#client.send({ text: '', envelope }).catch(() => {});
    return this.#client.query(guardedCursor(cursor, () => this.#refusalOfCursor()));
  }

  /** A cursor is submitted when all before it is answered. By then its scope may have ended, or no transaction been opened. */
  #refusalOfCursor(): Error | undefined {
    if (this.#closedBy) return this.#closedBy();
    if (isOpen(this.#client.getTransactionStatus())) return undefined;
    return new Error('The transaction of a stream could not be begun.');
  }

  #endStream(): void {
    this.#client.send({ text: 'commit', envelope: ending }).then(
      (result) => this.#sawResult(result),
      () => {},
    );
  }

  #sawResult(result: QueryResult): void {
    this.#isChanging = this.#rules.sawResult(result, this.#isChanging);
  }

  #isIdle(): boolean {
    return this.#unanswered === 0 && !(this.#inTransaction && isOpen(this.#client.getTransactionStatus()));
  }

  #refuseClosed(): void {
    if (this.#closedBy) throw this.#closedBy();
  }

  /** Nobody would end what begins after the scope has ended. */
  #refuseEndedScope(): void {
    if (this.#scope?.ended) throw scopeEnded(this.#scope);
  }
}

/** PostgreSQL keeps such a transaction, and its locks, until a session of its database or an administrator ends it. */
function staysForever(): TenancyError {
  return new TenancyError(
    'STATEMENT_REFUSED',
    'PostgreSQL keeps a prepared transaction and its locks when the scope has ended, and nothing here would end it. Commit the transaction instead.',
  );
}

/** The answer to what begins a transaction in which nothing was sent, and to what ends it. */
const notSent: QueryResult = { command: '', rowCount: null, rows: [] };

/** Whether a statement has begun a transaction of its own: by `begin`, or by `commit and chain`. */
function begins({ command }: QueryResult, statement: string): boolean {
  if (command === 'BEGIN' || command === 'START') return true;
  return (command === 'COMMIT' || command === 'ROLLBACK') && /\bchain\b/i.test(codeOf(statement));
}

/** What Kysely sends to begin a transaction. What is taken for it wrongly is still sent, with the next statement. */
function isBegin(sql: string): boolean {
  return /^(?:begin|start transaction)(?: isolation level [a-z ]+)?(?: read (?:only|write))?$/i.test(sql);
}

/** What Kysely sends to end one. */
function isEnd(sql: string): boolean {
  return sql === 'commit' || sql === 'rollback';
}
