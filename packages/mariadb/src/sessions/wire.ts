import type { StatementResult } from '@omnitenant/orm/extend';
import { type Connection, type ConnectionOptions, createConnection, type Query, type ResultSetHeader } from 'mysql2';
import { hasChangedSession } from './server-status.ts';

/** Who a session is: one tenant's user, in the tenant's database. */
export interface Login {
  readonly tenant: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** The server, and how values are read from it. */
export type ServerOptions = Omit<ConnectionOptions, 'user' | 'password' | 'database'> & { readonly charset: string };

/** What a statement gave, and where the server says that its session stands; `undefined` where the answer ends in rows. */
export interface Answer {
  readonly result: StatementResult;
  readonly status: number | undefined;
}

/** One connection to the server. */
export interface Wire {
  query(sql: string, parameters?: readonly unknown[]): Promise<Answer>;
  /** The rows of a query. Who does not read all of them closes the wire. */
  rows(sql: string, parameters?: readonly unknown[]): AsyncIterableIterator<unknown>;
  /** The rows of a query, each value as the bytes that the server sends. Who does not read all of them closes the wire. */
  bytes(sql: string): AsyncIterableIterator<readonly (Uint8Array | null)[]>;
  /**
   * Makes the session a new one, of this login: COM_CHANGE_USER rolls back, and forgets variables, temporary tables, prepared statements
   * and locks. If it fails, the server closes the connection.
   */
  become(login: Login): Promise<void>;
  /**
   * Makes it a new session of the same login. COM_RESET_CONNECTION forgets the same, without a login, but for the default database and
   * what mysql2 takes the character set to be: where the server has said that one of its settings changed, it is `become`.
   */
  renew(login: Login): Promise<void>;
  readonly isClosed: boolean;
  /** Cuts it at once; the server rolls back. */
  close(): void;
}

/** Connects as one login. `onLost` is called when the connection is gone, also while nobody uses it. */
export function openWire(server: ServerOptions, login: Login, onLost: (wire: Wire) => void): Promise<Wire> {
  const { user, password, database } = login;
  const connection = createConnection({
    ...server,
    ...{ user, password, database },
    multipleStatements: false,
    // None is prepared, and the memory of them is cleared with each session.
    maxPreparedStatements: 1,
    // A statement could otherwise send files of this process, where the application gave mysql2 an infileStreamFactory.
    flags: ['-LOCAL_FILES'],
  });
  const wire = wireOn(connection, server.charset);
  return new Promise((resolve, reject) => {
    connection.on('error', () => lost());
    connection.on('end', () => lost());
    function lost(): void {
      wire.close();
      onLost(wire);
    }
    connection.connect((error) => {
      if (error === null || error === undefined) return resolve(wire);
      wire.close();
      reject(error);
    });
  });
}

function wireOn(connection: Connection, charset: string): Wire {
  /** What waits for an answer. mysql2 tells none of it that the connection was cut. */
  const pending = new Set<(error: Error) => void>();
  let isClosed = false;
  let isChanged = false;

  function send<T>(start: (done: (error: Error | null | undefined, value?: T) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      pending.add(reject);
      start((error, value) => {
        pending.delete(reject);
        if (error) reject(error);
        else resolve(value as T);
      });
    });
  }

  function become({ user, password, database }: Login): Promise<void> {
    isChanged = false;
    // The character set is named each time: mysql2 would go on with the one that the last session has set.
    return send((done) => connection.changeUser({ user, password, database, charset }, (error) => done(error)));
  }

  async function* streamed<Row>(query: Query): AsyncGenerator<Row, void> {
    // How its end leaves the session is not told.
    isChanged = true;
    const stream = query.stream({ highWaterMark: 100 });
    const cut = (error: Error) => stream.destroy(error);
    pending.add(cut);
    try {
      yield* stream;
    } finally {
      pending.delete(cut);
    }
  }

  return {
    async query(sql, parameters = []) {
      const answer = await send<Answer>((done) =>
        connection.query(sql, valuesOf(parameters), (error, result, fields) =>
          done(error, error ? undefined : answerOf(result, fields)),
        ),
      );
      if (hasChangedSession(answer.status)) isChanged = true;
      return answer;
    },

    rows: (sql, parameters = []) => streamed(connection.query(sql, valuesOf(parameters))),
    bytes: (sql) => streamed(connection.query({ sql, rowsAsArray: true, typeCast: (field) => field.buffer() })),

    become,
    renew: (login) => (isChanged ? become(login) : send((done) => connection.reset((error) => done(error)))),

    get isClosed() {
      return isClosed;
    },

    close() {
      if (isClosed) return;
      isClosed = true;
      if (pending.size === 0) connection.end(() => {});
      else connection.destroy();
      for (const reject of pending) reject(cut());
    },
  };
}

function cut(): Error {
  return Object.assign(new Error('The connection was cut'), { code: 'PROTOCOL_CONNECTION_LOST' });
}

/** Without values mysql2 leaves the question marks of a text as they are. */
function valuesOf(parameters: readonly unknown[]): unknown[] | undefined {
  return parameters.length === 0 ? undefined : [...parameters];
}

function answerOf(result: unknown, fields: unknown): Answer {
  if (!Array.isArray(result)) {
    const header = result as ResultSetHeader;
    return { result: resultOf(header), status: header.serverStatus };
  }
  // The results of a procedure end in one that has no columns.
  const last = Array.isArray(fields) && fields.at(-1) === undefined ? result.at(-1) : undefined;
  return { result: { rows: result as object[] }, status: (last as ResultSetHeader | undefined)?.serverStatus };
}

function resultOf({ affectedRows, insertId }: ResultSetHeader): StatementResult {
  return {
    rows: [],
    numAffectedRows: BigInt(affectedRows),
    ...(insertId !== 0 && { insertId: BigInt(insertId) }),
  };
}
