import { currentScope } from '@omnitenant/core/extend';
import type { Database, QueryResult, SqlClient, TransactionStatus } from '../sql/client.ts';
import type { Connection } from './database-pool.ts';
import { isConnectionLost, unavailable } from './server-errors.ts';

/**
 * A connection while somebody has it. It says of which database it was when the server has ended it, and once it was given
 * back it reaches nothing: the connection is somebody else's.
 */
export class PooledClient implements SqlClient {
  readonly #connection: Connection;
  readonly #database: Database;
  readonly pipelined: boolean;
  #released = false;

  constructor(connection: Connection, database: Database) {
    this.pipelined = connection.pipelined;
    this.#connection = connection;
    this.#database = database;
  }

  query(sql: string, parameters?: readonly unknown[]): Promise<QueryResult | QueryResult[]>;
  query<Cursor extends object>(cursor: Cursor): Cursor;
  query(statement: string | object, parameters?: readonly unknown[]): unknown {
    if (this.#released) throw new Error('This connection was given back, and is not to be used any more.');
    const { client } = this.#connection;
    if (typeof statement === 'object') return client.query(statement);
    // The answer comes from outside of the scope.
    const scope = currentScope();
    return new Promise<QueryResult | QueryResult[]>((resolve, reject) => {
      client.query(statement, parameters, (error, result) => {
        if (!error) resolve(result);
        else if (!isConnectionLost(error)) reject(error);
        else {
          this.#connection.broken = true;
          reject(unavailable(this.#database, error, scope));
        }
      });
    });
  }

  release(destroy = false): void {
    if (this.#released) return;
    this.#released = true;
    this.#connection.giveBack(this.#connection, destroy);
  }

  getTransactionStatus(): TransactionStatus {
    return this.#connection.client.getTransactionStatus();
  }

  get processID(): number | undefined {
    return this.#connection.client.processID;
  }
}
