import type { PreparedStatements } from './prepared-statements.ts';

/** One database of one server. */
export interface Database {
  readonly server: string;
  readonly database: string;
  /** The tenant whose own server it is, and what leads there. */
  readonly tenant?: string;
  readonly url?: string;
}

/** What one statement brought back. */
export interface QueryResult {
  readonly command: string;
  readonly rowCount: number | null;
  readonly rows: Record<string, unknown>[];
}

/** A command that is sent with a statement: its text, or with it values that are bound and stand in no text. */
export type Command = string | { readonly text: string; readonly values: readonly string[] };

/** What is sent in one write with a statement: each a command of its own. */
export interface Envelope {
  readonly before: readonly Command[];
  readonly after: readonly string[];
  /** Whether the connection is as good as new once all of it has succeeded. */
  readonly leavesNothing: boolean;
}

/** A statement, and what is sent around it. */
export interface Enveloped {
  readonly text: string;
  /** What is sent in its place. What listens to `pg` is told of the text. */
  readonly sent?: string | undefined;
  readonly values?: unknown[] | undefined;
  /** Chooses the envelope by where the connection stands, when it has answered all that was sent before. */
  envelope(status: TransactionStatus): Envelope;
}

/** What a connection says of itself. */
interface ConnectionState {
  /** In no transaction (I), in one (T), in one that failed (E), or not yet known. */
  getTransactionStatus(): TransactionStatus;
  readonly processID?: number | undefined;
}

/** One connection: the members of `pg`'s client that are used here. */
export interface SqlConnection extends ConnectionState {
  /**
   * Sends SQL. With a callback, because V8 keeps what a query brought back until the next full collection when `pg` makes a
   * promise of it.
   */
  query(sql: string, parameters: readonly unknown[] | undefined, done: SqlCallback): void;
  query<Cursor extends object>(cursor: Cursor): Cursor;
  /** Sends one statement in its envelope, by the extended protocol: the server refuses a second command in it. */
  send(statement: Enveloped, done: SqlCallback): void;
  /** Sends a message of the simple protocol. What listens to `pg` is told that it is the statement. */
  sendMessage(message: string, statement: string, done: SqlCallback): void;
  /** Tells when its socket is closed. */
  on(event: 'end', listener: () => void): unknown;
  /** Whether a query is sent while others before it are not answered. */
  pipeline?: boolean;
}

export type SqlCallback = (error: Error | null | undefined, result: QueryResult | QueryResult[]) => void;

/** One connection, checked out of a pool. */
export interface SqlClient extends ConnectionState {
  query(sql: string, parameters?: readonly unknown[]): Promise<QueryResult | QueryResult[]>;
  query<Cursor extends object>(cursor: Cursor): Cursor;
  /** Sends one statement in its envelope. */
  send(statement: Enveloped): Promise<QueryResult>;
  /**
   * Sends statements that are known to leave nothing in the session, as one message and one transaction; `undefined` where a message
   * may hold one statement only. What listens to `pg` is told of the `named` one.
   */
  readonly sendTogether?: ((statements: readonly string[], named: string) => Promise<QueryResult>) | undefined;
  /** Sends commands as one message, and gives what each has copied to the client, if anything; `undefined` where nothing can be copied. */
  readonly copyOut?: ((commands: readonly string[]) => Promise<readonly string[]>) | undefined;
  /**
   * Gives the connection back; `true` closes it instead. What was left in its session is ended first, and nothing waits for
   * that.
   */
  release(destroy?: boolean): void;
  /** Whether it is known that no pooler is in between, so that the session is its own until it is released. */
  readonly isDirect?: boolean;
  /** Whether others may send their plain reads over the connection meanwhile. */
  readonly pipelined?: boolean;
  /** Counts a read that was cut and is sent again. */
  countResent?(): void;
  /** What plain reads have prepared on the connection. */
  readonly prepared?: PreparedStatements;
}

export type TransactionStatus = 'I' | 'T' | 'E' | null;

/** A pool of connections to one database of one server: the members of `pg`'s pool that are used here. */
export interface SqlPool {
  /** Checks out a connection; where nothing but one plain read is to be sent, one that others read through too will do. */
  connect(pipelined?: boolean): Promise<SqlClient>;
  end(): Promise<void>;
  readonly options: object;
}

/** The result of the last statement of a message. */
export function lastOf(result: QueryResult | QueryResult[]): QueryResult {
  return Array.isArray(result) ? (result.at(-1) ?? nothing) : result;
}

const nothing: QueryResult = { command: '', rowCount: null, rows: [] };
