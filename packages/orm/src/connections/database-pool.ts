import type { Scope } from '@omnitenant/core/extend';
import type { TenantShare } from '../placement/tenant-limits.ts';
import type { Database, SqlClient, SqlConnection } from '../sql/client.ts';
import { PreparedStatements } from '../sql/prepared-statements.ts';
import type { StatementCounts } from './pool-stats.ts';
import { RoundRobinQueue, takeOut } from './round-robin-queue.ts';
import type { ShareLease } from './share-lease.ts';

/** What a connection is asked for: a database, and the schema in it. */
export interface ConnectionTarget extends Database {
  readonly schema?: string | undefined;
  /** Command-line options of PostgreSQL that the connection starts with. It is then kept apart from all others. */
  readonly startup?: string | undefined;
  /** The login of tenants that share tables, where they have one of their own. Its connections are kept apart from all others. */
  readonly login?: string | undefined;
  /** The tenant whose share of the server's connections it comes out of; `undefined` for what is no tenant's request. */
  readonly share?: TenantShare | undefined;
}

/** Opens and closes the connections to one database. */
export interface DatabaseOpener {
  /** The most connections that this database may have. */
  readonly max: number;
  /** Opens a connection. A failed attempt leaves no socket. */
  open(): Promise<OpenedConnection>;
  /** Resolves when the socket is closed. */
  close(connection: SqlConnection): Promise<void>;
}

export interface OpenedConnection {
  readonly client: SqlConnection;
  /** Whether PostgreSQL itself is at the other end, and no pooler. */
  readonly isDirect: boolean;
  /** Whether queries may be sent before earlier ones are answered. */
  readonly canPipeline: boolean;
  /** Whether one message may hold several statements. */
  readonly takesSeveral: boolean;
}

/** A request that waits for a connection. */
export interface Waiter {
  readonly target: ConnectionTarget;
  readonly pipelined: boolean;
  readonly lease: ShareLease | undefined;
  readonly scope: Scope | undefined;
  readonly since: number;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (client: SqlClient) => void;
  readonly reject: (error: Error) => void;
}

/** The connections to one database and the requests that wait for one. It keeps count; the pools of its server decide. */
export class DatabasePool {
  readonly database: ConnectionTarget;
  readonly opener: DatabaseOpener;
  /** Free connections, the one returned last at the end. */
  readonly idle: Connection[] = [];
  /** Connections that serve plain reads only, several at once. */
  readonly pipelined: Connection[] = [];
  readonly waiting = new RoundRobinQueue<Waiter>();
  /** The connections that are open, in use or not. Those that are closing are not among them. */
  readonly open = new Set<Connection>();
  /** The number of connections that are opening. */
  opening = 0;
  /** The number of connections that are closing. */
  closing = 0;
  /** When its last connection was opened; 0 if it has had none. */
  lastOpenedAt = 0;
  #closed = false;
  readonly #drained = Promise.withResolvers<void>();

  constructor(database: ConnectionTarget, opener: DatabaseOpener) {
    this.database = database;
    this.opener = opener;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** From now on, connections that are returned are closed. */
  close(): void {
    this.#closed = true;
    this.settle();
  }

  /** Resolves when the pool is closed and its last socket too. */
  get drained(): Promise<void> {
    return this.#drained.promise;
  }

  /** The number of connections that are open or opening. */
  get size(): number {
    return this.open.size + this.opening;
  }

  /** Whether another connection would serve a waiting request. */
  get wantsMore(): boolean {
    return this.waiting.size > this.opening && this.size < this.opener.max;
  }

  get isEmpty(): boolean {
    return this.size === 0 && this.closing === 0 && this.waiting.size === 0;
  }

  settle(): void {
    if (this.#closed && this.isEmpty) this.#drained.resolve();
  }

  /** Lends the connection to nobody else: it is neither idle nor open for further reads. */
  takeOut(connection: Connection): void {
    takeOut(this.idle, connection);
    takeOut(this.pipelined, connection);
  }
}

/** A connection of a pool, with what decides how long it lives. */
export class Connection {
  readonly client: SqlConnection;
  readonly canPipeline: boolean;
  readonly takesSeveral: boolean;
  readonly pool: DatabasePool;
  readonly giveBack: (connection: Connection, destroy: boolean) => void;
  readonly openedAt: number = performance.now();
  /** When it was last returned. */
  idleSince = 0;
  /** The number of its current users. */
  users = 0;
  /** The server or the network has ended it: it is not lent again. */
  broken = false;
  /** It is closing, or closed. */
  gone = false;
  /** What is counted of its server's statements. */
  readonly counts: StatementCounts;
  /** What plain reads have prepared on it. */
  readonly prepared: PreparedStatements = new PreparedStatements();
  #lastSchema: string | undefined;
  readonly #schemas = new Set<string>();

  constructor(
    { client, canPipeline, takesSeveral }: OpenedConnection,
    pool: DatabasePool,
    giveBack: Connection['giveBack'],
    counts: StatementCounts,
  ) {
    this.client = client;
    this.canPipeline = canPipeline;
    this.takesSeveral = takesSeveral;
    this.pool = pool;
    this.giveBack = giveBack;
    this.counts = counts;
  }

  /** The number of schemas that it has served. */
  get schemas(): number {
    return this.#schemas.size;
  }

  /** Whether it currently serves plain reads only. */
  get pipelined(): boolean {
    return this.canPipeline && this.client.pipeline === true;
  }

  /** Whether a transaction is open on it, or has failed. PostgreSQL says so with its last answer. */
  get inTransaction(): boolean {
    const status = this.client.getTransactionStatus();
    return status === 'T' || status === 'E';
  }

  /** Counts another user, who sends one plain read (`pipelined`) or anything. */
  serve(schema: string | undefined, pipelined: boolean): this {
    this.users += 1;
    if (this.canPipeline && this.users === 1) {
      this.client.pipeline = pipelined;
      if (pipelined) this.pool.pipelined.push(this);
    }
    if (schema !== undefined && schema !== this.#lastSchema) {
      this.#lastSchema = schema;
      this.#schemas.add(schema);
    }
    return this;
  }
}
