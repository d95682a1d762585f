import { isConnectionLost, unavailable } from './server-errors.ts';
import type { Database, QueryResult, SqlClient, TransactionStatus } from './sql-pool.ts';

/** A connection that says of which database it was when the server has ended it. */
export class PooledClient implements SqlClient {
  readonly #client: SqlClient;
  readonly #database: Database;

  constructor(client: SqlClient, database: Database) {
    this.#client = client;
    this.#database = database;
  }

  query(sql: string, parameters?: readonly unknown[]): Promise<QueryResult | QueryResult[]>;
  query<Cursor extends object>(cursor: Cursor): Cursor;
  query(statement: string | object, parameters?: readonly unknown[]): unknown {
    if (typeof statement === 'object') return this.#client.query(statement);
    return this.#client.query(statement, parameters).catch((error: unknown) => {
      throw isConnectionLost(error) ? unavailable(this.#database, error) : error;
    });
  }

  release(destroy?: boolean): void {
    this.#client.release(destroy);
  }

  getTransactionStatus(): TransactionStatus {
    return this.#client.getTransactionStatus();
  }

  get processID(): number | undefined {
    return this.#client.processID;
  }
}
