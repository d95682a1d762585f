import { outside } from '@omnitenant/core';
import { currentScope } from '@omnitenant/core/extend';
import type { Command, Envelope, QueryResult, SqlClient, SqlPool } from '../sql/client.ts';
import { trace } from '../sql/diagnostics.ts';
import { codeOf, sqlState } from '../sql/error-codes.ts';
import { countStatement } from './count-statement.ts';
import type { Envelopes } from './envelopes.ts';
import { holdsTablesOnly } from './holds-tables-only.ts';
import { settingCommand } from './pin.ts';
import { type PlainRead, quickMs } from './plain-reads.ts';
import { preparableRead } from './prepared-reads.ts';

/** A plain read, of which the text is sent, or the same as a prepared statement and its values. */
export interface SentRead {
  readonly sql: string;
  readonly form: PlainRead;
  /** Its values, as they stand in the text. */
  literals(): readonly string[];
}

/** What plain reads are sent with. */
export interface ReadSenderOptions {
  readonly pin: readonly Command[];
  readonly envelopes: Envelopes;
  readonly schema: string;
  /** Whether they are prepared: worth it where one schema serves many tenants, as PostgreSQL plans a statement for each schema. */
  readonly prepares: boolean;
  /** The tenant's own limit on statements, in milliseconds, which none may exceed by sharing a connection. Default: none. */
  readonly statementMs?: number | undefined;
}

/**
 * The plain reads of one placement, which may be sent through connections on which others are under way. They may only where
 * nothing in the schema could leave something in a session: PostgreSQL is asked whether it holds a function, a view, a
 * rule, an operator or a policy of the application's, and until it has answered, nothing is shared.
 */
export class ReadSender {
  readonly #pool: SqlPool;
  /** Sends within the time limit. */
  readonly #sendQuick: MessageSender;
  readonly #sendMessage: MessageSender;
  readonly #envelopes: Envelopes;
  readonly #schema: string;
  readonly #prepares: boolean;
  /** How long a read may run where others wait behind it, in milliseconds. */
  readonly #limitMs: number;
  /** Whether the schema holds tables and nothing that runs; `undefined` until it was asked. */
  #plain: boolean | undefined;
  #askedAt = 0;
  /**
   * Tells the types of the schema's columns. What was prepared for others is not executed: its values have the types that the columns had
   * then, and a moment that is made a date finds other rows.
   */
  #columns = '';
  /** Replaced whenever the schema may have changed, so that an answer to what was asked before counts for nothing. */
  #question: object = {};

  constructor(pool: SqlPool, { pin, envelopes, schema, prepares, statementMs }: ReadSenderOptions) {
    this.#pool = pool;
    this.#limitMs = Math.min(statementMs || quickMs, quickMs);
    this.#sendQuick = messageSender(pin, envelopes.read, this.#limitMs);
    this.#sendMessage = messageSender(pin, envelopes.read);
    this.#envelopes = envelopes;
    this.#schema = schema;
    this.#prepares = prepares;
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

  async send(read: SentRead): Promise<QueryResult> {
    const client = await this.#pool.connect(read.form.quick);
    if (!client.pipelined) return this.#sendAlone(client, read);
    const start = performance.now();
    try {
      const result = await this.#sendShared(client, read);
      countStatement(start, result, currentScope());
      if (performance.now() - start < this.#limitMs) client.release();
      else releaseAfterLimit(client);
      return result;
    } catch (error) {
      releaseAfterLimit(client);
      if (!isCancelled(error) || this.#limitMs < quickMs) throw error;
      read.form.cut();
      client.countResent?.();
      return trace(
        'omnitenant:orm:resend',
        () => ({ schema: this.#schema, tenant: currentTenant() }),
        async () => this.#sendAlone(await this.#pool.connect(), read, { wasCut: true }),
      );
    }
  }

  /** A read that is made often is prepared, and executed from then on. */
  async #sendShared(client: SqlClient, read: SentRead): Promise<QueryResult> {
    const { prepared } = client;
    const isWorthIt = this.#prepares && read.form.isFrequent();
    const preparable = isWorthIt && prepared && preparableRead(read.form.pieces, read.literals());
    if (!preparable) return this.#sendQuick(client, read.sql, read.sql);
    const statement = `${this.#schema} ${this.#columns} ${preparable.statement}`;
    const known = prepared.nameOf(statement);
    const name = known ?? prepared.newNameFor(statement);
    if (name === undefined) return this.#sendQuick(client, read.sql, read.sql);
    try {
      if (known === undefined) {
        // By itself: PostgreSQL shows the text that a statement was prepared in to whoever has the connection next, and with it the values.
        await this.#sendQuick(client, `prepare ${name}${preparable.statement}`, read.sql);
        prepared.isPrepared(statement, name);
      }
      return await this.#sendQuick(client, `execute ${name}${preparable.values}`, read.sql);
    } catch (error) {
      if (!mayBeOutdated(error)) throw error;
      const result = await this.#sendQuick(client, read.sql, read.sql);
      prepared.forget(statement);
      return result;
    }
  }

  async #sendAlone(client: SqlClient, { sql, form }: SentRead, { wasCut = false } = {}): Promise<QueryResult> {
    const start = performance.now();
    let result: QueryResult | undefined;
    try {
      result = await this.#sendMessage(client, sql, sql);
      form.doneSince(start, { wasCut });
      return result;
    } finally {
      client.release();
      countStatement(start, result, currentScope());
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
        if (question !== this.#question) return;
        this.#columns = String(rows[0]?.['columns']);
        this.#plain = rows[0]?.['plain'] === true;
      } finally {
        client.release();
      }
    } catch {
      // Nothing is shared, which costs speed only. The next statement that may change the schema asks again.
    }
  }
}

function currentTenant(): string | undefined {
  const scope = currentScope();
  return scope?.kind === 'tenant' ? scope.tenant.id : undefined;
}

/** For how long an answer is believed, in milliseconds: what others do to a schema is not seen here. */
const answerMs = 30_000;

/**
 * Sends a read with the pin, and its time limit if there is one, as one message, which PostgreSQL makes a transaction of. What has values to
 * bind goes by the extended protocol: there `set local` would warn, and `set_config` does not. Where a message may hold one
 * statement only, the read goes in its envelope, as any other statement does. The limit comes last: the pin may have a longer one.
 */
function messageSender(pin: readonly Command[], enveloped: Envelopes['read'], limitMs?: number): MessageSender {
  const together = pin.every((command) => typeof command === 'string')
    ? textMessage(pin, limitMs)
    : boundMessage(pin, limitMs);
  return (client, statement, named) =>
    takesSeveral(client) ? together(client, statement, named) : client.send({ text: statement, envelope: enveloped });
}

function takesSeveral(client: SqlClient): client is SeveralClient {
  return client.sendTogether !== undefined;
}

function textMessage(pin: readonly string[], limitMs: number | undefined): MessageSender<SeveralClient> {
  const before = limitMs === undefined ? pin : [...pin, `set local statement_timeout to ${limitMs}`];
  const prefix = before.join(';');
  return (client, statement, named) => client.sendTogether([prefix, statement], named);
}

function boundMessage(pin: readonly Command[], limitMs: number | undefined): MessageSender {
  const before = limitMs === undefined ? pin : [...pin, settingCommand({ statement_timeout: `${limitMs}` })];
  const envelope: Envelope = { before, after: [], leavesNothing: true };
  return (client, statement, named) => client.send({ text: named, sent: statement, envelope: () => envelope });
}

type SeveralClient = SqlClient & { readonly sendTogether: NonNullable<SqlClient['sendTogether']> };
/** `named` is the read itself, whatever statement is sent for it. */
type MessageSender<Client = SqlClient> = (client: Client, statement: string, named: string) => Promise<QueryResult>;

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

/**
 * Whether what was prepared may be there no longer, or a table may have changed since: PostgreSQL fails in many ways where a column has
 * another type than the value that was prepared for it. The read as text says whether it is a fault of the read itself.
 */
function mayBeOutdated(error: unknown): boolean {
  return /^(?:0A|22|26|42|XX)/.test(codeOf(error));
}

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
