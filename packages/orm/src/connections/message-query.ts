import type { SqlCallback } from '../sql/client.ts';
import type { PgConnection, PgQueryConstructor } from './enveloped-query.ts';

/**
 * Derives from `pg`'s own query one that sends more than its text: the pin in front of a statement, or a prepared statement in its
 * place. What listens to `pg`, as OpenTelemetry's instrumentation does, reads the text, and so sees the statement.
 */
export function messageQueryClass(Query: PgQueryConstructor): MessageQueryConstructor {
  return class MessageQuery extends Query {
    readonly #message: string;

    constructor(statement: string, message: string, done: SqlCallback) {
      super({ text: statement }, undefined, done);
      this.#message = message;
    }

    override submit(connection: PgConnection): null {
      connection.query(this.#message);
      return null;
    }

    /** What COPY writes is rows of its result. `pg` gives a view of the buffer that it reads the next messages into, so it is copied. */
    override handleCopyData({ chunk }: { readonly chunk: Buffer }): void {
      this._checkForMultirow();
      this._result.addRow({ chunk: Buffer.from(chunk) });
    }
  };
}

export type MessageQueryConstructor = new (statement: string, message: string, done: SqlCallback) => object;
