import { outside } from '@omnitenant/core';
import { verifiedTenant } from '../placement/shared-tables.ts';
import { type Command, type Envelope, lastOf, type QueryResult, type SqlClient, type SqlPool } from '../sql/client.ts';
import { codeOf, sqlState } from '../sql/error-codes.ts';
import { quoteText } from '../sql/quote.ts';
import type { Envelopes } from './envelopes.ts';
import { settingCommand } from './pin.ts';
import { type PlainRead, quickMs } from './plain-reads.ts';

/**
 * The plain reads of one placement, which may be sent through connections on which others are under way. They may only where
 * nothing in the schema could leave something in a session: PostgreSQL is asked whether it holds a function, a view, a
 * rule, an operator or a policy of the application's, and until it has answered, nothing is shared.
 */
export class ReadSender {
  readonly #pool: SqlPool;
  readonly #envelopes: Envelopes;
  readonly #sendQuick: (client: SqlClient, sql: string) => Promise<QueryResult | QueryResult[]>;
  readonly #schema: string;
  /** Whether the schema holds tables and nothing that runs; `undefined` until it was asked. */
  #plain: boolean | undefined;
  #askedAt = 0;
  /** Replaced whenever the schema may have changed, so that an answer to what was asked before counts for nothing. */
  #question: object = {};

  constructor(pool: SqlPool, pin: readonly Command[], envelopes: Envelopes, schema: string) {
    this.#pool = pool;
    this.#envelopes = envelopes;
    this.#sendQuick = quickSender(pin);
    this.#schema = schema;
  }

  get allowed(): boolean {
    const now = performance.now();
    if (this.#plain === undefined || now - this.#askedAt > answerMs) {
      this.#plain = false;
      this.#askedAt = now;
      // The answer outlives the scope that caused the question.
      void outside(() => this.#ask());
    }
    return this.#plain;
  }

  /**
   * What may have changed the schema has it asked again: at once, and when the transaction that changed it has ended.
   * `isChanging` is whether a statement of the same connection may have, and its transaction is not over; returns whether it still is so.
   */
  sawResult({ command }: QueryResult, isChanging: boolean): boolean {
    const isEnd = ends.has(command);
    if (isEnd ? isChanging : !harmless.has(command)) this.#invalidate();
    return !isEnd && (isChanging || !harmless.has(command));
  }

  async send(sql: string, read: PlainRead): Promise<QueryResult | QueryResult[]> {
    const client = await this.#pool.connect(read.quick);
    if (!client.pipelined) return this.#sendAlone(client, sql, read);
    const start = performance.now();
    try {
      const results = await this.#sendQuick(client, sql);
      if (performance.now() - start < quickMs) client.release();
      else releaseAfterLimit(client);
      return lastOf(results);
    } catch (error) {
      releaseAfterLimit(client);
      if (!isCancelled(error)) throw error;
      read.wasSlow();
      return this.#sendAlone(await this.#pool.connect(), sql, read);
    }
  }

  async #sendAlone(client: SqlClient, sql: string, read: PlainRead): Promise<QueryResult> {
    const start = performance.now();
    try {
      const result = await client.send({ text: sql, envelope: this.#envelopes.read });
      read.doneSince(start);
      return result;
    } finally {
      client.release();
    }
  }

  #invalidate(): void {
    this.#plain = undefined;
    this.#question = {};
  }

  async #ask(): Promise<void> {
    const question = this.#question;
    try {
      const client = await this.#pool.connect();
      try {
        const { rows } = await client.send({ text: holdsTablesOnly(this.#schema), envelope: this.#envelopes.read });
        if (question === this.#question) this.#plain = rows[0]?.['plain'] === true;
      } finally {
        client.release();
      }
    } catch {
      // Nothing is shared, which costs speed only. The next statement that may change the schema asks again.
    }
  }
}

/** For how long an answer is believed, in milliseconds: what others do to a schema is not seen here. */
const answerMs = 30_000;

/**
 * Sends a read with the pin and its time limit, as one message, which PostgreSQL makes a transaction of. What has values to bind goes by
 * the extended protocol: there `set local` would warn, and `set_config` does not.
 */
function quickSender(
  pin: readonly Command[],
): (client: SqlClient, sql: string) => Promise<QueryResult | QueryResult[]> {
  if (pin.every((command) => typeof command === 'string')) {
    const prefix = `set local statement_timeout to ${quickMs};${pin.join(';')};`;
    return (client, sql) => client.query(prefix + sql);
  }
  const before = [settingCommand({ statement_timeout: `${quickMs}` }), ...pin];
  const envelope: Envelope = { before, after: [], leavesNothing: true };
  return (client, text) => client.send({ text, envelope: () => envelope });
}

/** Whether a schema holds nothing that runs when one of its tables is read. */
function holdsTablesOnly(schema: string): string {
  return `select not exists (select from pg_proc where pronamespace = n.oid and proname <> '${verifiedTenant}')
    and not exists (select from pg_policy p join pg_class c on c.oid = p.polrelid where c.relnamespace = n.oid and p.polname !~ '^omnitenant')
    and not exists (select from pg_operator where oprnamespace = n.oid)
    and not exists (select from pg_class where relnamespace = n.oid and relkind not in ('r', 'p', 'i', 'I', 'S', 't', 'c'))
    and not exists (select from pg_rewrite r join pg_class c on c.oid = r.ev_class where c.relnamespace = n.oid)
    as plain from pg_namespace n where nspname = ${quoteText(schema)}`;
}

/** The tags of what changes no schema. */
const harmless: ReadonlySet<string> = new Set([
  'SELECT',
  'INSERT',
  'UPDATE',
  'DELETE',
  'MERGE',
  'SET',
  'BEGIN',
  'START',
  'SAVEPOINT',
  'RELEASE',
  'LOCK',
  '',
]);
const ends: ReadonlySet<string> = new Set(['COMMIT', 'ROLLBACK']);

/** A statement that was cancelled, by its time limit or by hand. */
function isCancelled(error: unknown): boolean {
  return codeOf(error) === sqlState.queryCanceled;
}

/**
 * Releases a connection whose last read may have ended as its time limit did: PostgreSQL keeps such a cancellation for the next
 * message, so that is an empty one.
 */
function releaseAfterLimit(client: SqlClient): void {
  void client
    .query(';')
    .catch((error: unknown) => {
      if (!isCancelled(error)) throw error;
    })
    .then(
      () => client.release(),
      () => client.release(true),
    );
}
