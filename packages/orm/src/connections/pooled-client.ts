import { currentScope } from '@omnitenant/core/extend';
import { cleaning, discardAll } from '../session/cleaning.ts';
import {
  type Database,
  type Envelope,
  type Enveloped,
  lastOf,
  type QueryResult,
  type SqlCallback,
  type SqlClient,
  type TransactionStatus,
} from '../sql/client.ts';
import type { PreparedStatements } from '../sql/prepared-statements.ts';
import type { Connection } from './database-pool.ts';
import { isConnectionLost, unavailable } from './server-errors.ts';
import type { ShareLease } from './share-lease.ts';

/**
 * A connection while somebody has it. Its errors name the database when the server has ended the connection. Once released it
 * refuses to be used: it is somebody else's by then. It goes back to the pool idle and with nothing in its session, or is closed.
 */
export class PooledClient implements SqlClient {
  readonly #connection: Connection;
  readonly #database: Database;
  readonly #lease: ShareLease | undefined;
  readonly pipelined: boolean;
  readonly isDirect: boolean;
  readonly sendTogether: SqlClient['sendTogether'];
  /** Whether the session may hold something of this user: a transaction, a setting, a lock, an unanswered statement. */
  #leavesSomething = false;
  #unanswered = 0;
  #released = false;

  constructor(connection: Connection, database: Database, lease: ShareLease | undefined) {
    this.pipelined = connection.pipelined;
    this.isDirect = connection.canPipeline;
    this.sendTogether = connection.takesSeveral ? this.#sendTogether : undefined;
    this.#connection = connection;
    this.#database = database;
    this.#lease = lease;
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
      if (chosen?.after.includes(discardAll)) this.#connection.prepared.clear();
      return result;
    } catch (error) {
      this.#leavesSomething = true;
      throw error;
    }
  }

  async #sendTogether(statements: readonly string[], named: string): Promise<QueryResult> {
    this.#refuseReleased();
    const { client } = this.#connection;
    const message = statements.join(';');
    return lastOf(await this.#answer<QueryResult | QueryResult[]>((done) => client.sendMessage(message, named, done)));
  }

  async copyOut(commands: readonly string[]): Promise<readonly string[]> {
    this.#refuseReleased();
    this.#leavesSomething = true;
    const { client } = this.#connection;
    const message = commands.join(';');
    const results = await this.#answer((done) => client.sendMessage(message, message, done));
    return [results].flat().map(({ rows }) => Buffer.concat(rows.map(({ chunk }) => chunk as Buffer)).toString());
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

  get prepared(): PreparedStatements {
    return this.#connection.prepared;
  }

  /** Counts a read that is sent again. */
  countResent(): void {
    this.#connection.counts.resent += 1;
  }

  get processID(): number | undefined {
    return this.#connection.client.processID;
  }

  #refuseReleased(): void {
    if (this.#released) throw new Error('This connection was released and must not be used again.');
  }

  /** Sent behind whatever is not answered yet. */
  #clean(): void {
    this.#connection.prepared.clear();
    this.#connection.client.send(cleaning, (error) => this.#giveBack(Boolean(error)));
  }

  #giveBack(destroy: boolean): void {
    this.#connection.giveBack(this.#connection, destroy);
    this.#lease?.end();
  }

  /** `pg` answers outside of the scope, so the scope is read here. */
  #answer<Result extends QueryResult | QueryResult[]>(send: (done: SqlCallback) => void): Promise<Result> {
    const scope = currentScope();
    this.#unanswered += 1;
    this.#connection.counts.statements += 1;
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
