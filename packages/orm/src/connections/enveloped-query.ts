import type { Enveloped, QueryResult, TransactionStatus } from '../sql/client.ts';
import { encodeStatements, sync } from './wire.ts';

/**
 * Derives from `pg`'s own query one that sends a statement with what belongs around it, each a message of the extended protocol, in
 * one write. The envelope is chosen when the connection has answered everything before, so it depends on where the connection
 * stands and not on what was sent to it.
 */
export function envelopedQueryClass(Query: PgQueryConstructor): EnvelopedQueryConstructor {
  return class EnvelopedQuery extends Query {
    readonly #sent: string;
    readonly #status: () => TransactionStatus;
    readonly #envelope: Enveloped['envelope'];
    #before = 0;
    #after: Buffer = sync;
    /** How many answers there are to be, and how many there were. */
    #expected = 0;
    #answered = 0;
    #failed = false;

    constructor(
      status: () => TransactionStatus,
      { text, sent = text, values, envelope }: Enveloped,
      done: QueryCallback,
    ) {
      super({ text, values, queryMode: 'extended' }, undefined, done);
      this.#sent = sent;
      this.#status = status;
      this.#envelope = envelope;
    }

    override submit(connection: PgConnection): Error | null {
      const { before, after } = this.#envelope(this.#status());
      this.#before = before.length;
      this.#expected = before.length + 1 + after.length;
      this.#after = after.length === 0 ? sync : Buffer.concat([encodeStatements(after), sync]);
      connection.stream.cork();
      try {
        if (before.length > 0) connection.stream.write(encodeStatements(before));
        const { text } = this;
        this.text = this.#sent;
        this.prepare(connection);
        this.text = text;
      } finally {
        connection.stream.uncork();
      }
      return null;
    }

    /** Called by `prepare`, after the statement was parsed and bound. */
    override _getRows(connection: PgConnection): void {
      connection.execute({ portal: '' });
      connection.stream.write(this.#after);
    }

    override handleDataRow(row: unknown): void {
      if (this.#isTheirs()) super.handleDataRow(row);
    }

    override handleCommandComplete(complete: unknown, connection: PgConnection): void {
      if (this.#isTheirs()) super.handleCommandComplete(complete, connection);
      this.#answered += 1;
    }

    override handleEmptyQuery(): void {
      this.#answered += 1;
    }

    /** Once: `pg` tells of a value that cannot be bound, and goes on to the end of the message. */
    override handleError(error: Error, connection: PgConnection): void {
      if (this.#failed) return;
      this.#failed = true;
      answeredBefore.set(error, this.#answered);
      super.handleError(error, connection);
    }

    /** An answer too few means that the answers belong to something else: nobody may get them. */
    override handleReadyForQuery(connection: PgConnection): void {
      if (this.#failed) return;
      if (this.#answered === this.#expected) super.handleReadyForQuery(connection);
      else
        connection.stream.destroy(new Error('The server has not answered what was sent, so the connection is closed.'));
    }

    /** The server has skipped a Sync that it reads before the data, and takes what else it reads for an error. */
    override handleCopyInResponse(connection: PgConnection): void {
      super.handleCopyInResponse(connection);
      if (this.#after === sync) connection.stream.write(sync);
    }

    /** Whether what arrives answers the statement itself. */
    #isTheirs(): boolean {
      return this.#answered === this.#before;
    }
  };
}

const answeredBefore = new WeakMap<object, number>();

/** Which of the statements that were sent in one envelope has failed, by its index; `undefined` where it is not known. */
export function failedIndex(error: unknown): number | undefined {
  return typeof error === 'object' && error !== null ? answeredBefore.get(error) : undefined;
}

type QueryCallback = (error: Error | null | undefined, result: QueryResult) => void;

export type EnvelopedQueryConstructor = new (
  status: () => TransactionStatus,
  statement: Enveloped,
  done: QueryCallback,
) => object;

/** The members of `pg`'s Query that are used here. */
interface PgQuery {
  text: string;
  submit(connection: PgConnection): Error | null;
  prepare(connection: PgConnection): void;
  _getRows(connection: PgConnection, rows?: number): void;
  handleDataRow(row: unknown): void;
  handleCommandComplete(complete: unknown, connection: PgConnection): void;
  handleEmptyQuery(connection: PgConnection): void;
  handleError(error: Error, connection: PgConnection): void;
  handleReadyForQuery(connection: PgConnection): void;
  handleCopyInResponse(connection: PgConnection): void;
  handleCopyData(data: { readonly chunk: Buffer }, connection: PgConnection): void;
  readonly _result: { addRow(row: object): void };
  /** Begins another result where the last statement of the message has ended. */
  _checkForMultirow(): void;
}

export type PgQueryConstructor = new (config: object, values: undefined, done: QueryCallback) => PgQuery;

/** The members of `pg`'s connection that are used here. */
export interface PgConnection {
  readonly stream: { cork(): void; uncork(): void; write(bytes: Buffer): unknown; destroy(error: Error): unknown };
  execute(portal: { readonly portal: string }): void;
  /** Sends a message of the simple protocol. */
  query(message: string): void;
}
