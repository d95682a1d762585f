import { currentScope } from '@omnitenant/core/extend';
import { cleaning } from '../session/cleaning.ts';
import type {
  Database,
  Envelope,
  Enveloped,
  QueryResult,
  SqlCallback,
  SqlClient,
  TransactionStatus,
} from '../sql/client.ts';
import type { Connection } from './database-pool.ts';
import { isConnectionLost, unavailable } from './server-errors.ts';

/**
 * A connection while somebody has it. Its errors name the database when the server has ended the connection. Once released it
 * refuses to be used: it is somebody else's by then. It goes back to the pool idle and with nothing in its session, or is closed.
 */
export class PooledClient implements SqlClient {
  readonly #connection: Connection;
  readonly #database: Database;
  readonly pipelined: boolean;
  readonly isDirect: boolean;
  /** Whether the session may hold something of this user: a transaction, a setting, a lock, an unanswered statement. */
  #leavesSomething = false;
  #unanswered = 0;
  #released = false;

  constructor(connection: Connection, database: Database) {
    this.pipelined = connection.pipelined;
    this.isDirect = connection.canPipeline;
    this.#connection = connection;
    this.#database = database;
  }

  query(sql: string, parameters?: readonly unknown[]): Promise<QueryResult | QueryResult[]>;
  query<Cursor extends object>(cursor: Cursor): Cursor;
  query(statement: string | object, parameters?: readonly unknown[]): unknown {
    this.#refuseReleased();
    const { client } = this.#connection;
    this.#leavesSomething ||= !this.pipelined;
    if (typeof statement === 'object') return client.query(statement);
    return this.#answer<QueryResult | QueryResult[]>((done) => client.query(statement, parameters, done));
  }

  async send(statement: Enveloped): Promise<QueryResult> {
    this.#refuseReleased();
    let chosen: Envelope | undefined;
    const envelope = (status: TransactionStatus): Envelope => {
      chosen = statement.envelope(status);
      return chosen;
    };
    try {
      const result = await this.#answer<QueryResult>((done) =>
        this.#connection.client.send({ ...statement, envelope }, done as SqlCallback),
      );
      this.#leavesSomething = !chosen?.leavesNothing;
      return result;
    } catch (error) {
      this.#leavesSomething = true;
      throw error;
    }
  }

  release(destroy = false): void {
    if (this.#released) return;
    this.#released = true;
    if (destroy || (!this.#leavesSomething && this.#unanswered === 0)) this.#giveBack(destroy);
    else this.#clean();
  }

  getTransactionStatus(): TransactionStatus {
    return this.#connection.client.getTransactionStatus();
  }

  get processID(): number | undefined {
    return this.#connection.client.processID;
  }

  #refuseReleased(): void {
    if (this.#released) throw new Error('This connection was released and must not be used again.');
  }

  /** Sent behind whatever is not answered yet. */
  #clean(): void {
    this.#connection.client.send(cleaning, (error) => this.#giveBack(Boolean(error)));
  }

  #giveBack(destroy: boolean): void {
    this.#connection.giveBack(this.#connection, destroy);
  }

  /** `pg` answers outside of the scope, so the scope is read here. */
  #answer<Result extends QueryResult | QueryResult[]>(send: (done: SqlCallback) => void): Promise<Result> {
    const scope = currentScope();
    this.#unanswered += 1;
    return new Promise<Result>((resolve, reject) => {
      send((error, result) => {
        this.#unanswered -= 1;
        if (!error) resolve(result as Result);
        else if (!isConnectionLost(error)) reject(error);
        else {
          this.#connection.broken = true;
          reject(unavailable(this.#database, error, scope));
        }
      });
    });
  }
}
