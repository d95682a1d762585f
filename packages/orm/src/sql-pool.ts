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

/** One connection: the members of `pg`'s client that are used here. */
export interface SqlConnection {
  query(sql: string, parameters?: readonly unknown[]): Promise<QueryResult | QueryResult[]>;
  query<Cursor extends object>(cursor: Cursor): Cursor;
  /** In no transaction (I), in one (T), in one that failed (E), or not yet known. */
  getTransactionStatus(): TransactionStatus;
  readonly processID?: number | undefined;
  /** Tells when its socket is closed. */
  on(event: 'end', listener: () => void): unknown;
}

/** One connection, checked out of a pool. */
export interface SqlClient extends Omit<SqlConnection, 'on'> {
  /** Gives the connection back; `true` closes it instead. */
  release(destroy?: boolean): void;
}

export type TransactionStatus = 'I' | 'T' | 'E' | null;

/** A pool of connections to one database of one server: the members of `pg`'s pool that are used here. */
export interface SqlPool {
  connect(): Promise<SqlClient>;
  end(): Promise<void>;
  readonly options: object;
}
