import type { Scope } from '@omnitenant/core';
import type { Database, SqlClient, SqlConnection } from '../sql/client.ts';
import { RoundRobinQueue } from './round-robin-queue.ts';

/** Where a statement goes: a database, and the schema of it that it is sent to. */
export interface ConnectionTarget extends Database {
  readonly schema?: string;
  /** What the connection starts with, where it is to be one of its own: options of PostgreSQL's command line. */
  readonly startup?: string;
}

/** How connections to one database are opened. */
export interface DatabaseOpener {
  /** How many there may be to this database. */
  readonly max: number;
  /** Opens one. When it fails, it leaves no socket. */
  open(): Promise<OpenedConnection>;
  /** Resolves when its socket is closed. */
  close(connection: SqlConnection): Promise<void>;
}

export interface OpenedConnection {
  readonly client: SqlConnection;
  /** Whether queries may be sent while others are not answered. */
  readonly canPipeline: boolean;
}

/** One who waits for a connection. */
export interface Waiter {
  readonly place: ConnectionTarget;
  readonly pipelined: boolean;
  readonly scope: Scope | undefined;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (client: SqlClient) => void;
  readonly reject: (error: Error) => void;
}

/** The connections to one database, and who waits for one of them. Its server's pools decide; this keeps count. */
export class DatabasePool {
  readonly database: ConnectionTarget;
  readonly opener: DatabaseOpener;
  /** The last to be given back is the last. */
  readonly idle: Connection[] = [];
  /** Those that plain reads are sent through, and nothing else. */
  readonly pipelined: Connection[] = [];
  readonly waiting = new RoundRobinQueue<Waiter>();
  /** How many are open or being opened; without those that are being closed. */
  size = 0;
  /** How many of them are being opened. */
  opening = 0;
  /** How many are being closed. */
  closing = 0;
  #closed = false;
  readonly #drained = Promise.withResolvers<void>();

  constructor(database: ConnectionTarget, opener: DatabaseOpener) {
    this.database = database;
    this.opener = opener;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Connections that come back from now on are closed. */
  close(): void {
    this.#closed = true;
    this.settle();
  }

  /** Resolves when it has been closed, and its last socket with it. */
  get drained(): Promise<void> {
    return this.#drained.promise;
  }

  /** Whether another connection would serve somebody who waits. */
  get wantsMore(): boolean {
    return this.waiting.size > this.opening && this.size < this.opener.max;
  }

  get isEmpty(): boolean {
    return this.size === 0 && this.closing === 0 && this.waiting.size === 0;
  }

  settle(): void {
    if (this.#closed && this.isEmpty) this.#drained.resolve();
  }
}

/** One connection of a pool, and what has to be known of it to say how long it may live. */
export class Connection {
  readonly client: SqlConnection;
  readonly canPipeline: boolean;
  readonly pool: DatabasePool;
  readonly giveBack: (connection: Connection, destroy: boolean) => void;
  readonly openedAt: number = performance.now();
  /** When it was last given back. */
  idleSince = 0;
  /** How many have it. */
  users = 0;
  /** The server or the network is done with it: nobody gets it again. */
  broken = false;
  /** It is being closed, or has ended. */
  gone = false;
  #lastSchema: string | undefined;
  readonly #schemas = new Set<string>();

  constructor({ client, canPipeline }: OpenedConnection, pool: DatabasePool, giveBack: Connection['giveBack']) {
    this.client = client;
    this.canPipeline = canPipeline;
    this.pool = pool;
    this.giveBack = giveBack;
  }

  /** How many schemas it has served. */
  get schemas(): number {
    return this.#schemas.size;
  }

  /** Whether it has plain reads to send, and nothing else. */
  get pipelined(): boolean {
    return this.canPipeline && this.client.pipeline === true;
  }

  /** Somebody has it, for a plain read or for anything. */
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
