import { lastOf, type QueryResult, type SqlConnection } from '../sql/client.ts';
import type { DatabaseOpener } from './database-pool.ts';

/** A connection to PostgreSQL's process that decodes changes. */
export interface Replication {
  /** Sends a command of the replication protocol, or SQL. */
  query(command: string): Promise<QueryResult['rows']>;
  /**
   * Sends the command that begins to stream. From then on, `onData` gets each message of the server, and nothing else can be sent but
   * messages. `onEnd` is called once, when the stream has ended for whatever reason.
   */
  stream(command: string, onData: (message: Buffer) => void, onEnd: (error: Error) => void): ReplicationStream;
  close(): Promise<void>;
}

/** Messages of the server, as long as they come. */
export interface ReplicationStream {
  send(message: Buffer): void;
  /** Reads nothing more until `resume`, but what has arrived. */
  pause(): void;
  resume(): void;
}

/** What `pg` is told beyond the options of a pool. Streaming is one query that has no end. */
export const replicationOptions = { replication: 'database', query_timeout: 0, statement_timeout: 0 };

/** Opens the connection. What the opener opens has to be opened with `replicationOptions`. */
export async function openReplication(opener: Pick<DatabaseOpener, 'open' | 'close'>): Promise<Replication> {
  const { client } = await opener.open();
  let isStreaming = false;
  return {
    query(command) {
      const { promise, resolve, reject } = Promise.withResolvers<QueryResult['rows']>();
      client.query(command, undefined, (error, result) => (error ? reject(error) : resolve(lastOf(result).rows)));
      return promise;
    },
    stream(command, onData, onEnd) {
      isStreaming = true;
      const streamed = copyBoth(command, onData, onEnd);
      client.query(streamed);
      const { stream } = (client as Streaming).connection;
      return { send: streamed.send, pause: () => stream.pause(), resume: () => stream.resume() };
    },
    close: () => {
      // Nothing is answered any more, so there is nothing to wait for.
      if (isStreaming) (client as Streaming).connection.stream.destroy();
      return opener.close(client);
    },
  };
}

/** What `pg`'s client does with a query of this kind: it hands over whatever comes, until the connection has ended. */
function copyBoth(text: string, onData: (message: Buffer) => void, onEnd: (error: Error) => void) {
  let connection: PgConnection | undefined;
  let hasEnded = false;
  function end(error: Error): void {
    if (!hasEnded) onEnd(error);
    hasEnded = true;
  }
  const ended = () => end(new Error('the server has ended the stream of changes'));
  return {
    submit(of: PgConnection): void {
      connection = of;
      of.query(text);
    },
    send: (message: Buffer): void => {
      if (!hasEnded) connection?.sendCopyFromChunk(message);
    },
    handleCopyData: ({ chunk }: { readonly chunk: Buffer }): void => {
      if (!hasEnded) onData(chunk);
    },
    handleError: end,
    handleCommandComplete: ended,
    handleReadyForQuery: ended,
  };
}

/** The members of `pg`'s connection that are used here. */
interface PgConnection {
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
}

interface Streaming extends SqlConnection {
  readonly connection: { readonly stream: { destroy(): void; pause(): void; resume(): void } };
}
