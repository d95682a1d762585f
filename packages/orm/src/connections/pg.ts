import { type BaseOrm, connectionClassOf } from '../mikro-orm/base-orm.ts';
import type { RowLogin } from '../placement/row-login.ts';
import { type Enveloped, lastOf, type SqlCallback, type SqlConnection, type SqlPool } from '../sql/client.ts';
import type { DatabaseOpener, OpenedConnection } from './database-pool.ts';
import { envelopedQueryClass, type PgQueryConstructor } from './enveloped-query.ts';
import { messageQueryClass } from './message-query.ts';
import { type Pglite, pglitePool } from './pglite-pool.ts';
import { isConnectionLost } from './server-errors.ts';

/** What a server needs to be told beyond the MikroORM configuration, which is the default for all of them. */
export interface ConnectionOptions {
  readonly clientUrl?: string;
  readonly host?: string;
  readonly port?: number;
  readonly user?: string;
  readonly password?: string;
}

/** How long a statement waits for a connection of its pool, in milliseconds, unless driverOptions say otherwise. */
const connectionTimeoutMillis = 10_000;

/** Makes the pool of one database with MikroORM's own connection, so that its options and type parsers hold. */
export function openPool(
  orm: BaseOrm,
  driverOptions: object,
  options: Omit<ConnectionOptions, 'password'> & {
    readonly password?: RowLogin['password'];
    readonly dbName: string;
    readonly pool?: { readonly max?: number };
  },
): PgPool {
  const ConnectionClass = connectionClassOf(orm);
  let pool: PgPool | undefined;
  const connection = new ConnectionClass(
    orm.config,
    {
      ...options,
      driverOptions: {
        connectionTimeoutMillis,
        // Else `pg` stops at 10, whatever the server may have.
        max: orm.config.get('pool').max ?? Number.POSITIVE_INFINITY,
        ...driverOptions,
        ...options.pool,
        onPoolCreated: (created: PgPool) => (pool = created),
      },
    } as never,
    'write',
  );
  connection.getClient();
  if (!pool) throw new TypeError('MikroORM created no pool: driverOptions must be options of pg.');
  pool.Client = sendingClient(pool.Client);
  return pool;
}

/**
 * Opens connections to one database, as the pool that MikroORM makes for it would; where there is a `url`, it is asked for each
 * of them, decides where it leads, and is not kept.
 */
export function databaseOpener(
  orm: BaseOrm,
  driverOptions: object,
  connection: Parameters<typeof openPool>[2],
  url?: () => Promise<string>,
): DatabaseOpener {
  const { Client, options } = openPool(orm, driverOptions, connection);
  async function close(client: PgClient): Promise<void> {
    const cut = setTimeout(() => client.connection.stream.destroy(), closingMillis);
    await client.end();
    clearTimeout(cut);
  }
  return {
    max: options.max,
    open: async () => {
      const client = new Client(url ? { ...options, connectionString: await url() } : options);
      client.on('error', (error) =>
        orm.config.getLogger().warn('info', `PostgreSQL connection error: ${error.message}`),
      );
      try {
        await client.connect();
        // It connects once.
        client.password = null;
        client.connectionParameters.password = null;
        const served = await whatServes(client, options.connectionTimeoutMillis ?? connectionTimeoutMillis);
        return { client, ...served };
      } catch (error) {
        await close(client);
        throw error;
      }
    },
    close: (client) => close(client as PgClient),
  };
}

/**
 * Asks what serves a connection. Queries may be sent while others are not answered where `pg` knows how, and does not cut off those that
 * wait behind one that is late, and no pooler is in between, which may mix up the answers: PostgreSQL names the process that serves a
 * connection as it opens, a pooler names one of its own. And some poolers refuse a message that sets something and does more.
 */
async function whatServes(client: PgClient, patience: number): Promise<Omit<OpenedConnection, 'client'>> {
  const pid = await pidByMessage(client, patience);
  const mayPipeline = typeof client.pipeline === 'boolean' && !client.connectionParameters.query_timeout;
  const isDirect = pid === client.processID;
  return { isDirect, canPipeline: mayPipeline && isDirect, takesSeveral: pid !== undefined };
}

/** The process that answers a message of two statements; `undefined` where they are refused. */
async function pidByMessage(client: PgClient, patience: number): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const timer = patience > 0 ? setTimeout(() => reject(new Error('timeout expired')), patience) : undefined;
  const message = 'set local search_path to pg_temp;select pg_catalog.pg_backend_pid() as pid';
  client.query(message, undefined, (error, result) => {
    if (error && isConnectionLost(error)) reject(error);
    else resolve(error ? undefined : lastOf(result).rows[0]?.['pid']);
  });
  return promise.finally(() => clearTimeout(timer));
}

/** Adds to `pg`'s client what sends a statement in its envelope, or a message under a statement's name. */
function sendingClient(Client: PgClientConstructor): PgClientConstructor {
  const EnvelopedQuery = envelopedQueryClass(Client.Query);
  const MessageQuery = messageQueryClass(Client.Query);
  return class SendingClient extends (Client as new (options: object) => PgClient) {
    override send(statement: Enveloped, done: SqlCallback): void {
      this.query(new EnvelopedQuery(() => this.getTransactionStatus(), statement, done));
    }

    override sendMessage(message: string, statement: string, done: SqlCallback): void {
      this.query(new MessageQuery(statement, message, done));
    }
  } as PgClientConstructor;
}

/** How long a server has to answer that a connection is closed, in milliseconds. */
const closingMillis = 5_000;

export function openPglite(orm: BaseOrm, driverOptions: object): SqlPool {
  const connection = new (connectionClassOf(orm))(orm.config, { driverOptions } as never, 'write');
  return pglitePool(() => connection.getNativeClient() as unknown as Promise<Pglite>);
}

interface PgPool extends SqlPool {
  readonly options: { readonly max: number; readonly connectionTimeoutMillis?: number };
  Client: PgClientConstructor;
}

interface PgClientConstructor {
  new (options: object): PgClient;
  readonly Query: PgQueryConstructor;
}

interface PgClient extends SqlConnection {
  connect(): Promise<unknown>;
  end(): Promise<void>;
  on(event: 'error' | 'end', listener: (error: Error) => void): this;
  readonly connection: { readonly stream: { destroy(): void } };
  password: unknown;
  readonly connectionParameters: { password: unknown; readonly query_timeout?: number | false };
}
