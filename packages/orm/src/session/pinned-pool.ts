import { TenancyError } from '@omnitenant/core';
import { type OrmPlacement, tenantSetting } from '../placement/placement.ts';
import type { QueryResult, SqlClient, SqlPool, TransactionStatus } from '../sql/client.ts';
import { beginMessage, endMessage, maybeEnd, mayEndTransaction, repinned } from '../sql/lexer.ts';
import { quoteName } from '../sql/quote.ts';
import { withoutTenantComment } from '../sql/tenant-comment.ts';
import { endingsOf, freshSession } from './cleanup.ts';
import { isPlain, quickMs, type Shape, shapeOf } from './plain-reads.ts';

/** What a pin carries beyond the placement. */
export interface PinOptions {
  /** The tenant that row-level security is told, where tenants share their tables. */
  readonly rowsOf?: string;
  /** Where nothing may be written: the error for what tries to, made of PostgreSQL's. */
  readonly readOnly?: (cause: unknown) => Error;
  /** May refuse a statement before it is sent. */
  readonly check?: (sql: string) => void;
  /** The same, for statements that are more than a plain read. */
  readonly checkWrites?: (sql: string) => void;
}

/** The statements that are sent in front of a tenant's, in the same message, and that hold for these alone. */
export function pinOf({ schema, role }: OrmPlacement, { rowsOf, readOnly }: PinOptions = {}): readonly string[] {
  return [
    ...(role === undefined ? [] : [`set local role ${quoteName(role)}`]),
    // PostgreSQL looks into temporary tables first, unless the path names their place in it.
    `set local search_path to ${quoteName(schema)}, pg_temp`,
    ...(rowsOf === undefined ? [] : [`set local ${tenantSetting} to '${rowsOf}'`]),
    ...(readOnly === undefined ? [] : ['set local transaction_read_only to on']),
  ];
}

/** A pool whose every statement carries a pin. */
export interface PinnedPool extends SqlPool {
  /** Sends a statement by itself. `shape` is its text without its values, where it has any. */
  send(sql: string, shape: string | undefined): Promise<QueryResult | QueryResult[]>;
}

/**
 * Derives a pool whose every statement carries a pin. The pool behind it is shared and keeps nothing of the tenant: the
 * pin and what it covers are one implicit transaction, or the transaction that it opened with.
 */
export function pinnedPool(
  shared: SqlPool,
  pin: readonly string[],
  { check, checkWrites, readOnly }: PinOptions = {},
): PinnedPool {
  const prefix = `${pin.join(';')};`;
  const quickPrefix = `set local statement_timeout to ${quickMs};${prefix}`;
  function told(error: unknown): unknown {
    if (needsNoTransaction(error)) return unpinnable(error);
    return readOnly && isWriteRefused(error) ? readOnly(error) : error;
  }
  function checks(sql: string): void {
    check?.(sql);
    checkWrites?.(sql);
  }
  const connect = async () => new PinnedClient(await shared.connect(), pin, checks, told);
  async function sendOn(client: SqlClient, before: string, sql: string, count: number) {
    try {
      const start = performance.now();
      const results = await client.query(before + sql);
      if (!client.pipelined || performance.now() - start < quickMs) giveBack(client);
      else giveBackUnlimited(client);
      return withoutFirst(results, count);
    } catch (error) {
      // The server says where a connection stands only after it has told what failed.
      void client.query(';').then(
        () => giveBack(client),
        () => client.release(true),
      );
      throw error;
    }
  }
  async function sendPlain(sql: string, shape?: Shape): Promise<QueryResult | QueryResult[]> {
    const client = await shared.connect(shape?.quick);
    const start = performance.now();
    try {
      if (client.pipelined) return await sendOn(client, quickPrefix, sql, pin.length + 1);
      const results = await sendOn(client, prefix, sql, pin.length);
      shape?.doneSince(start);
      return results;
    } catch (error) {
      if (!client.pipelined || !isCutShort(error)) throw told(error);
      shape?.wasSlow();
      return sendPlain(sql);
    }
  }
  return {
    options: shared.options,
    connect,
    async send(sql, shape) {
      if (check === undefined) {
        const known = shape === undefined ? undefined : shapeOf(withoutTenantComment(shape));
        if (known?.plain ?? isPlain(sql)) return sendPlain(sql, known);
      }
      const client = await connect();
      try {
        return await client.query(sql);
      } finally {
        client.release();
      }
    },
    end: async () => {},
  };
}

const nothing: readonly string[] = [];
/** The answer to what begins a transaction that nothing has been sent in, and to what ends it. */
const notSent: QueryResult = { command: '', rowCount: null, rows: [] };
const noEndings: ReadonlySet<string> = new Set();

class PinnedClient implements SqlClient {
  readonly #client: SqlClient;
  /** What a transaction begins with. */
  readonly #pin: readonly string[];
  readonly #check: (sql: string) => void;
  readonly #told: (error: unknown) => unknown;
  /** What ends the traces that this user has left in the session. */
  #endings: ReadonlySet<string> = noEndings;
  /** What a transaction is to begin with, in which nothing has been sent yet. */
  #begin: string | undefined;
  /** Resolves when it is known that a transaction has begun, or has not. */
  #beginning: Promise<unknown> | undefined;
  #failed = false;
  #streams = false;
  #released = false;

  constructor(
    client: SqlClient,
    pin: readonly string[],
    check: (sql: string) => void,
    told: (error: unknown) => unknown,
  ) {
    this.#told = told;
    this.#client = client;
    this.#pin = [...freshSession, ...pin];
    this.#check = check;
  }

  query(sql: string, parameters?: readonly unknown[]): Promise<QueryResult | QueryResult[]>;
  query<Cursor extends object>(cursor: Cursor): Cursor;
  query(statement: string | object, parameters: readonly unknown[] = []): unknown {
    if (typeof statement === 'object') return this.#stream(statement);
    const failed = (error: unknown): never => {
      this.#failed = true;
      // Kysely gives no connection back whose transaction could not be ended, as when the server has closed it.
      if (endMessage.test(statement)) this.release();
      throw this.#told(error);
    };
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
    else giveBack(this.#client);
  }

  getTransactionStatus(): TransactionStatus {
    return this.#client.getTransactionStatus();
  }

  get processID(): number | undefined {
    return this.#client.processID;
  }

  /** Refuses what must not be sent, and keeps in mind what it may leave. */
  #look(sql: string): void {
    this.#check(sql);
    const endings = endingsOf(sql);
    if (endings.length > 0) this.#endings = new Set([...this.#endings, ...endings]);
  }

  async #query(sql: string, parameters: readonly unknown[]): Promise<QueryResult | QueryResult[]> {
    this.#look(sql);
    if (this.#beginning) await this.#beginning;
    if (beginMessage.test(sql) && !this.#inTransaction()) {
      this.#begin = sql;
      return notSent;
    }
    if (this.#begin !== undefined) {
      if (!endMessage.test(sql)) return this.#sendFirst(sql, parameters);
      this.#begin = undefined;
      return notSent;
    }
    if (endMessage.test(sql)) return this.#sendLast(nothing, sql);
    if (this.#inTransaction()) {
      return parameters.length === 0 ? this.#send(nothing, sql, nothing) : this.#client.query(sql, parameters);
    }
    return parameters.length === 0 ? this.#sendLast(this.#pin, sql) : this.#sendWithParameters(sql, parameters);
  }

  /** Sends a transaction's first statement in one message with what that begins with, where one message will do. */
  async #sendFirst(sql: string, parameters: readonly unknown[]): Promise<QueryResult | QueryResult[]> {
    const begin = this.#takeBegin();
    if (parameters.length === 0 && !maybeEnd.test(sql)) return this.#hold(this.#sendTogether(begin, sql));
    await this.#hold(this.#client.query(begin.join('\n;')));
    return this.#query(sql, parameters);
  }

  /** A message that cannot be read at all begins nothing: then it is begun by itself, and the statement fails in it. */
  async #sendTogether(begin: readonly string[], sql: string): Promise<QueryResult | QueryResult[]> {
    try {
      return await this.#send(begin, sql, nothing);
    } catch (error) {
      await this.#client.query(';').catch(() => {});
      if (this.#isOpen()) throw error;
      await this.#client.query(begin.join('\n;'));
      return this.#client.query(sql);
    }
  }

  #takeBegin(): readonly string[] {
    const begin = [this.#begin ?? 'begin', ...this.#pin];
    this.#begin = undefined;
    return begin;
  }

  /** Has all that comes later wait until it is known that a transaction has begun. */
  #hold<Answer>(sent: Promise<Answer>): Promise<Answer> {
    const settled = sent.then(
      () => {},
      () => {},
    );
    const known = settled.then(() => {
      if (this.#beginning === known) this.#beginning = undefined;
    });
    this.#beginning = known;
    return sent;
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
    this.#look((cursor as { readonly text?: string }).text ?? '');
    const isOpen = this.#streams || this.#isOpen();
    this.#streams ||= !this.#inTransaction();
    // A second beginning changes nothing, where it is not known yet whether the first could be read.
    if (!isOpen) this.#hold(this.#client.query(this.#takeBegin().join('\n;'))).catch(() => {});
    return this.#client.query(cursor);
  }

  /** Whether what is sent is in a transaction, or will be. */
  #inTransaction(): boolean {
    return this.#begin !== undefined || this.#beginning !== undefined || this.#streams || this.#isOpen();
  }

  #isOpen(): boolean {
    const status = this.#client.getTransactionStatus();
    return status === 'T' || status === 'E';
  }

  async #settle(statements: readonly string[]): Promise<void> {
    try {
      await this.#client.query(`${statements.join('; ')};`);
      giveBack(this.#client);
    } catch {
      this.#client.release(true);
    }
  }
}

/** A connection that is still in somebody's transaction is closed instead of being handed to the next. */
function giveBack(client: SqlClient): void {
  const status = client.getTransactionStatus();
  client.release(status === 'T' || status === 'E');
}

/**
 * Gives back a connection whose last read may have ended as its time limit did: PostgreSQL keeps such a cancellation for the next
 * message, which is to be nobody's.
 */
function giveBackUnlimited(client: SqlClient): void {
  void client
    .query(';')
    .catch((error: unknown) => {
      if (!isCutShort(error)) throw error;
    })
    .then(
      () => giveBack(client),
      () => client.release(true),
    );
}

/** The results of a message without those of the pin that it began with. */
function withoutFirst(results: QueryResult | QueryResult[], count: number): QueryResult | QueryResult[] {
  if (!Array.isArray(results)) return results;
  return results.length === count + 1 ? (results[count] as QueryResult) : results.slice(count);
}

/** A statement that was ended at its time limit, or by hand. */
function isCutShort(error: unknown): boolean {
  return (error as { code?: string }).code === '57014';
}

/** `VACUUM`, `CREATE INDEX CONCURRENTLY` and the like: a statement that PostgreSQL runs in no transaction cannot be pinned. */
function needsNoTransaction(error: unknown): boolean {
  return (error as { code?: string }).code === '25001';
}

/** A statement that writes in a transaction that may only read. */
function isWriteRefused(error: unknown): boolean {
  return (error as { code?: string }).code === '25006';
}

function unpinnable(cause: unknown): TenancyError {
  return new TenancyError(
    'STATEMENT_REFUSED',
    "PostgreSQL runs this statement outside of a transaction only, and a tenant's statements are in one with what names their tenant. " +
      'Run it on a connection of your own, with the schema of tenancy.current().placement in its names.',
    { cause },
  );
}
